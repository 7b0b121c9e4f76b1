package engine

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"tokenctl"
)

// Besides the URL libpq reads environment variables, a service file, and the files that these name. pgx
// reads them too, but it blocks on a FIFO, and accepts passwords and keys in files that others can
// read. libpq refuses such files.

// LibpqTarget returns the PostgreSQL database that libpq's environment variables (PGHOST, PGSERVICE,
// PGDATABASE, …) name. Invalid values and files that libpq refuses are errors.
func LibpqTarget() (Target, error) { return postgresTarget(map[string]string{}, "") }

// postgresTarget returns the database that the parameters of a URL name. libpq's environment gives
// the values that the URL leaves out.
func postgresTarget(params map[string]string, shown string) (Target, error) {
	t := Target{Engine: PostgreSQL, shown: shown}
	s, err := effective(params)
	if err != nil {
		return Target{}, err
	}
	if params["ssl_require"] != "" && !strings.HasPrefix(s["sslmode"].value, "verify-") {
		s["sslmode"] = libpqSetting{"require", ""}
		params["sslmode"] = "require"
	}
	delete(params, "ssl_require")
	if !s.encrypts() {
		// pgx would read the files anyway, and fail if one does not exist.
		params["sslrootcert"], params["sslcert"], params["sslkey"] = "", "", ""
	} else if err := s.check(); err != nil {
		return Target{}, err
	}
	whole := false
	if t.Ignored, whole = s.passfileFault(); whole {
		params["passfile"] = os.DevNull
	}
	t.url = keywords(params)
	if _, err := postgresConfig(t.url); err != nil {
		source := "the database URL"
		if shown == "" {
			source = "the PG… environment variables"
		}
		return Target{}, &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "PostgreSQL's client cannot use " + source,
			Hint: "check its host, port, options and ssl parameters, and the PG… environment variables"}
	}
	return t, nil
}

// keywords writes parameters in libpq's form of keywords and values.
func keywords(params map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		parts = append(parts, name+"='"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(params[name])+"'")
	}
	return strings.Join(parts, " ")
}

// libpqSetting is the value of a parameter, and the name of its source for messages.
type libpqSetting struct{ value, source string }

// libpqSettings are the parameters that concern files and TLS, from every source.
type libpqSettings map[string]libpqSetting

// libpqVariables are the environment variables of these parameters.
var libpqVariables = map[string]string{"host": "PGHOST", "password": "PGPASSWORD", "passfile": "PGPASSFILE", "service": "PGSERVICE", "servicefile": "PGSERVICEFILE",
	"sslmode": "PGSSLMODE", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslrootcert": "PGSSLROOTCERT", "sslcertmode": "PGSSLCERTMODE"}

// effective merges the sources in libpq's order: the URL, the service, the
// environment, and the files in the home directory.
func effective(params map[string]string) (libpqSettings, error) {
	s := libpqSettings{}
	if home, err := os.UserHomeDir(); err == nil {
		for name, file := range map[string]string{"passfile": ".pgpass", "servicefile": ".pg_service.conf", "sslrootcert": ".postgresql/root.crt",
			"sslcert": ".postgresql/postgresql.crt", "sslkey": ".postgresql/postgresql.key"} {
			file = filepath.Join(home, file)
			if _, err := os.Stat(file); err == nil {
				s[name] = libpqSetting{file, file}
			}
		}
	}
	for name, variable := range libpqVariables {
		if value := os.Getenv(variable); value != "" {
			s[name] = libpqSetting{value, "the " + name + " of " + variable}
		}
	}
	given := func(name string) {
		if value := params[name]; value != "" {
			s[name] = libpqSetting{value, "the " + name + " of the database URL"}
		}
	}
	given("service")
	given("servicefile")
	if service := s["service"]; service.value != "" {
		found, err := readService(s["servicefile"], service)
		if err != nil {
			return nil, err
		}
		for name, value := range found {
			s[name] = libpqSetting{value, "the " + name + " of the service file"}
		}
	}
	for name := range libpqVariables {
		given(name)
	}
	return s, nil
}

// encrypts reports whether a connection may be encrypted. A connection to a Unix socket never is.
func (s libpqSettings) encrypts() bool {
	remote := func(host string) bool { return host != "" && !strings.HasPrefix(host, "/") }
	return s["sslmode"].value != "disable" && slices.ContainsFunc(strings.Split(s["host"].value, ","), remote)
}

// check refuses files on which pgx would block, and files and values that libpq refuses but pgx accepts.
func (s libpqSettings) check() error {
	if mode := s["sslmode"]; mode.value != "" && !slices.Contains(parameterValues["sslmode"], mode.value) {
		return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: mode.source + " is not one of " + strings.Join(parameterValues["sslmode"], ", ")}
	}
	for _, name := range []string{"sslrootcert", "sslcert", "sslkey"} {
		file := s[name]
		if file.value == "" || name == "sslrootcert" && file.value == "system" || name != "sslrootcert" && s["sslcertmode"].value == "disable" {
			continue
		}
		info, err := os.Stat(file.value)
		switch {
		case err != nil:
			return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: file.source + " cannot be read: " + tokenctl.Reason(err), Hint: "look at " + file.value + "; it must be a file in PEM form"}
		case !info.Mode().IsRegular():
			return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: file.source + " is " + tokenctl.FileKind(info.Mode()) + ", not a regular file"}
		case name == "sslkey" && keyIsOpen(info):
			return &tokenctl.Error{Code: tokenctl.CodeConfigUnsafe, Message: file.source + " has group or world access, which PostgreSQL's client refuses",
				Hint: "permissions must be u=rw (0600) or less if it is yours, or u=rw,g=r (0640) or less if it is root's"}
		}
	}
	return nil
}

// keyIsOpen reports whether libpq refuses a private key (initialize_SSL in
// src/interfaces/libpq/fe-secure-openssl.c, PostgreSQL 17).
func keyIsOpen(info fs.FileInfo) bool {
	forbidden := fs.FileMode(0o077)
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid == 0 {
		forbidden = 0o027
	}
	return info.Mode()&forbidden != 0
}

// passfileFault says why libpq ignores the password file, in libpq's words if it has any
// (passwordFromFile in src/interfaces/libpq/fe-connect.c, PostgreSQL 17). The text is empty if libpq
// reads the file or needs none. whole reports whether libpq ignores the whole file, not only a line.
func (s libpqSettings) passfileFault() (fault string, whole bool) {
	file := s["passfile"]
	if file.value == "" || s["password"].value != "" {
		return "", false
	}
	info, err := os.Stat(file.value)
	switch {
	case err != nil:
		return "", false // libpq continues as if there were no file
	case !info.Mode().IsRegular():
		return fmt.Sprintf("password file %q is not a plain file", file.value), true
	case info.Mode()&0o077 != 0:
		return fmt.Sprintf("password file %q has group or world access; permissions should be u=rw (0600) or less", file.value), true
	}
	f, err := os.Open(file.value)
	if err != nil {
		return "", false
	}
	defer f.Close()
	head := make([]byte, len(tokenctl.Mark))
	if _, err := io.ReadFull(f, head); err == nil && string(head) == tokenctl.Mark {
		return fmt.Sprintf("the first line of password file %q begins with a byte order mark", file.value), false
	}
	return "", false
}

// readService reads one section of a service file. Its errors never quote a value of the file.
func readService(file, service libpqSetting) (map[string]string, error) {
	fault := func(message string) error {
		return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: message, Hint: "check PGSERVICEFILE or ~/.pg_service.conf, and the name of the service"}
	}
	if file.value == "" {
		return nil, fault(service.source + " needs a service file, and there is none")
	}
	f, err := os.OpenFile(file.value, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fault(file.source + " cannot be read: " + tokenctl.Reason(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fault(file.source + " cannot be read: " + tokenctl.Reason(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fault(file.source + " is " + tokenctl.FileKind(info.Mode()) + ", not a regular file")
	}
	lines := bufio.NewScanner(io.LimitReader(f, 1<<20))
	var found map[string]string
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		name, value, assigned := strings.Cut(line, "=")
		switch {
		case n == 1 && strings.HasPrefix(line, tokenctl.Mark):
			return nil, fault(file.source + " begins with a byte order mark, which PostgreSQL's client does not accept")
		case line == "" || line[0] == '#':
		case line[0] == '[' && found != nil:
			return found, nil
		case line[0] == '[':
			if line == "["+service.value+"]" {
				found = map[string]string{}
			}
		case found != nil && assigned:
			found[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fault(file.source + " cannot be read: a line of it is too long")
	}
	if found == nil {
		return nil, fault(service.source + " is not in the service file")
	}
	return found, nil
}
