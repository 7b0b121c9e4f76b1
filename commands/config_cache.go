package commands

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/output"
)

// importCache is the entry of CACHES that holds the sessions. A nil text means that the entry has no such
// text.
type importCache struct {
	Backend  string
	Location any // a text, or a list of texts
	Options  map[string]any
	Prefix   *string
	Version  any
	Function *string // KEY_FUNCTION as a template; nil: the function is no template
}

// cacheQuietOptions are options of Django's Redis backend (ConnectionPool of redis-py) and of django-redis.
// The import has no note about them, because they tell neither the server nor the form of the values.
var cacheQuietOptions = []string{"parser_class", "pool_class", "CONNECTION_POOL_KWARGS", "CONNECTION_POOL_CLASS", "CONNECTION_POOL_CLASS_KWARGS", "CONNECTION_FACTORY", "PARSER_CLASS",
	"SOCKET_TIMEOUT", "SOCKET_CONNECT_TIMEOUT", "IGNORE_EXCEPTIONS", "LOG_IGNORED_EXCEPTIONS", "PICKLE_VERSION", "REDIS_CLIENT_CLASS", "REDIS_CLIENT_KWARGS", "SENTINEL_KWARGS",
	"MAX_ENTRIES", "CULL_FREQUENCY", "REVERSE_KEY", "REVERSE_KEY_FUNCTION", "socket_timeout", "socket_connect_timeout", "socket_keepalive", "max_connections", "retry_on_timeout", "health_check_interval"}

// sessionCache writes the server of the sessions' cache, and the form of its keys and values.
func (o *configImportOptions) sessionCache(m *imported, d *importDocument) {
	c := d.SessionCache
	if c == nil {
		return
	}
	var servers []string
	switch location := c.Location.(type) {
	case string:
		servers = strings.FieldsFunc(location, func(r rune) bool { return r == ',' || r == ';' })
	case []any:
		for _, e := range location {
			text, _ := e.(string)
			servers = append(servers, text)
		}
	}
	omit := func(why string) { m.omit("session", "cache_url", why) }
	if len(servers) == 0 || slices.Contains(servers, "") {
		omit("LOCATION of the sessions' cache names no server")
		return
	}
	if c.Function == nil {
		omit("the cache's KEY_FUNCTION is more than a template of prefix, version and key, so tokenctl cannot find its keys")
		return
	}
	memcached := strings.HasPrefix(c.Backend, "django.core.cache.backends.memcached.")
	if !memcached && !strings.HasPrefix(c.Backend, "django.core.cache.backends.redis.") && !strings.HasPrefix(c.Backend, "django_redis.cache.") {
		omit("the sessions' cache is " + output.Visible(c.Backend) + ", which tokenctl cannot reach")
		return
	}
	if memcached {
		for i, server := range servers {
			servers[i] = strings.TrimPrefix(strings.TrimSpace(server), "unix:")
		}
		m.line("session", "cache_url", tomlString("memcached://"+strings.Join(servers, ",")))
	} else if !o.redisCache(m, d, servers) {
		return
	}
	m.line("session", "cache_backend", tomlString(c.Backend))
	if c.Prefix != nil {
		m.set("session", "cache_key_prefix", *c.Prefix, "")
	}
	if text, ok := asInt(c.Version); !ok {
		m.omit("session", "cache_version", "the cache's VERSION is no number")
	} else if text != "1" {
		m.line("session", "cache_version", text)
	}
	m.set("session", "cache_key_function", *c.Function, tokenctl.DefaultKeyFunction)
}

// redisCache writes the URL of a Redis server, and the form that django-redis gives to values. It reports
// whether tokenctl can use the cache.
func (o *configImportOptions) redisCache(m *imported, d *importDocument, servers []string) bool {
	c := d.SessionCache
	omit := func(format string, args ...any) bool {
		m.omit("session", "cache_url", fmt.Sprintf(format, args...))
		return false
	}
	location := strings.TrimSpace(servers[0]) // writes go to the first server, and the others are its replicas
	u, err := url.Parse(location)
	if err != nil || !slices.Contains([]string{"redis", "rediss", "unix"}, u.Scheme) {
		return omit("LOCATION of the sessions' cache is not the URL of a Redis server")
	}
	option := func(names ...string) string {
		for _, name := range names {
			switch v := c.Options[name].(type) {
			case string:
				return v
			case json.Number:
				return v.String()
			}
		}
		return ""
	}
	class := option("CLIENT_CLASS")
	if class = class[strings.LastIndexByte(class, '.')+1:]; class != "" && class != "DefaultClient" && class != "SentinelClient" {
		return omit("the django-redis client %s keeps values in another way than DefaultClient does", output.Visible(class))
	}
	user, password := option("USERNAME", "username"), option("PASSWORD", "password")
	if u.User != nil {
		user = u.User.Username()
		if text, has := u.User.Password(); has {
			password = text
		}
	}
	if u.User = nil; user != "" {
		u.User = url.User(user)
	}
	query := url.Values{}
	number := u.Query().Get("db") // redis-py prefers this db to the path
	if number == "" && u.Scheme != "unix" {
		number = strings.Trim(u.Path, "/")
	}
	if number == "" {
		number = option("DB", "db")
	}
	if number != "" && strings.Trim(number, "0123456789") != "" {
		return omit("the database in LOCATION is no number")
	}
	if u.Scheme == "unix" {
		if number != "" && number != "0" {
			query.Set("db", number)
		}
	} else if u.Path = ""; number != "" {
		u.Path = "/" + number
	}
	if sentinels, ok := c.Options["SENTINELS"].([]any); ok && class == "SentinelClient" {
		if !sentinelURL(u, query, sentinels) {
			return omit("SENTINELS are not pairs of a host and a port")
		}
	}
	u.RawQuery = query.Encode()
	m.line("session", "cache_url", tomlString(u.String()))
	for _, name := range slices.Sorted(maps.Keys(c.Options)) {
		switch name {
		case "CLIENT_CLASS", "SENTINELS", "USERNAME", "username", "PASSWORD", "password", "DB", "db":
		case "SERIALIZER", "serializer", "COMPRESSOR":
			if text, ok := c.Options[name].(string); ok {
				m.line("session", "cache_"+strings.ToLower(name), tomlString(text))
			} else {
				m.omit("session", "cache_"+strings.ToLower(name), "it is no dotted path")
			}
		default:
			if !slices.Contains(cacheQuietOptions, name) {
				m.note("the option %s of the sessions' cache is left out: tokenctl has no such setting", output.Visible(name))
			}
		}
	}
	if password != "" {
		env := ""
		if o.app.Getenv(tokenctl.CachePassword) == password {
			env = tokenctl.CachePassword
		}
		m.keyFile(d, "session", "cache_password_file", "cache_password", password, env)
	}
	return true
}

// sentinelURL changes u into the URL of Sentinels. Before, the host of u is the name of the service that the
// Sentinels know. It returns false if a Sentinel is no pair of a host and a port, or if there is no Sentinel.
func sentinelURL(u *url.URL, query url.Values, sentinels []any) bool {
	query.Set("master_name", u.Hostname())
	u.Host = ""
	for _, sentinel := range sentinels {
		pair, _ := sentinel.([]any)
		if len(pair) != 2 {
			return false
		}
		addr := net.JoinHostPort(fmt.Sprint(pair[0]), fmt.Sprint(pair[1]))
		if u.Host == "" {
			u.Host = addr
		} else {
			query.Add("addr", addr)
		}
	}
	return u.Host != ""
}
