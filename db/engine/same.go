package engine

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Same reports whether two targets are one database: the same file, also through links, or the same
// host, port and database name. In doubt the result is true: all addresses of this machine, the folder of
// a socket included, are one host, and one common host of several is enough. It asks no name server.
func (t Target) Same(other Target) bool {
	if t.Engine != other.Engine {
		return false
	}
	if t.Engine == SQLite {
		one, err1 := os.Stat(t.Path)
		two, err2 := os.Stat(other.Path)
		return err1 == nil && err2 == nil && os.SameFile(one, two) || realPath(t.Path) == realPath(other.Path)
	}
	endpoints := t.endpoints()
	return slices.ContainsFunc(other.endpoints(), func(p endpoint) bool { return slices.Contains(endpoints, p) })
}

// realPath returns the absolute path without links, even if the file does not exist yet.
func realPath(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(folder, filepath.Base(path))
	}
	return path
}

// endpoint identifies a PostgreSQL database.
type endpoint struct {
	host string
	port uint16
	name string
}

// endpoints returns the endpoint of each host of a target.
func (t Target) endpoints() []endpoint {
	config, err := postgresConfig(t.url)
	if err != nil {
		return nil
	}
	name := databaseName(config)
	list := []endpoint{{hostName(config.Host), config.Port, name}}
	for _, f := range config.Fallbacks {
		list = append(list, endpoint{hostName(f.Host), f.Port, name})
	}
	return list
}

const thisMachine = "localhost"

// hostName returns a canonical name: equal texts mean the same host.
func hostName(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	own, _ := os.Hostname()
	switch {
	case host == "", strings.HasPrefix(host, "/"), strings.HasPrefix(host, "@"), host == thisMachine, strings.HasSuffix(host, ".localhost"), host == strings.ToLower(own):
		return thisMachine
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap().WithZone("")
		if ip.IsLoopback() || ip.IsUnspecified() {
			return thisMachine
		}
		return ip.String()
	}
	return host
}
