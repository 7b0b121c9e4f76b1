package engine

import (
	"net/url"
	"slices"
	"strings"

	"tokenctl"
)

// libpqParameters are the parameters of a URL that libpq knows (PostgreSQL 18 documentation, "Parameter
// Key Words") and that pgx accepts or tokenctl ignores.
var libpqParameters = []string{
	"host", "port", "dbname", "user", "password", "passfile", "require_auth", "channel_binding", "connect_timeout", "client_encoding", "options",
	"application_name", "fallback_application_name", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
	"sslmode", "sslnegotiation", "sslcompression", "sslcert", "sslkey", "sslpassword", "sslcertmode", "sslrootcert", "sslsni", "gssencmode", "krbsrvname",
	"min_protocol_version", "max_protocol_version", "target_session_attrs", "load_balance_hosts", "service", "servicefile",
	// Settings of the server that pgx and other clients accept as parameters.
	"search_path", "statement_timeout", "lock_timeout", "timezone", "datestyle",
}

// parameterValues are the possible values of parameters that have only a few.
var parameterValues = map[string][]string{
	"sslmode":              {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
	"channel_binding":      {"disable", "prefer", "require"},
	"sslnegotiation":       {"postgres", "direct"},
	"sslcertmode":          {"disable", "allow", "require"},
	"target_session_attrs": {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"},
}

// parsePostgres reads the part of a PostgreSQL URL after the scheme.
func parsePostgres(scheme, rest string) (Target, error) {
	params, err := parameters(rest)
	if err != nil {
		return Target{}, err
	}
	return postgresTarget(params, scheme+"://"+withoutPassword(rest))
}

// parameters turns the part of a URL after the scheme into libpq's parameters. It splits the authority
// like Python's urlsplit, which Django's packages use: user names and passwords reach to the last @, and
// characters that are not escaped are literal.
func parameters(rest string) (map[string]string, error) {
	authority, behind := cutAuthority(rest)
	path, query, _ := strings.Cut(behind, "?")
	// If a slash or a question mark of the password is not escaped, the rest of the password would become
	// a host, a database or a parameter, and would be printed.
	if strings.ContainsAny(path, "@#") || strings.Contains(query, "#") {
		return nil, errUnescaped
	}
	params := map[string]string{}
	user, hosts, found := cutLast(authority, "@")
	if found {
		name, password, given := strings.Cut(user, ":")
		params["user"] = unescape(name)
		if given {
			params["password"] = unescape(password)
		}
	}
	if strings.Contains(hosts, "#") {
		return nil, errUnescaped
	}
	if err := readHosts(params, hosts); err != nil {
		return nil, err
	}
	name, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
	if err != nil {
		return nil, badURL("the name of the database in the URL is not well-formed")
	}
	// In URLs of django-environ the folder of the server's socket comes before the name.
	if folder, last, socket := cutLast(name, "/"); socket && strings.HasPrefix(name, "/") && params["host"] == "" {
		params["host"], name = folder, last
	}
	params["dbname"] = name
	for _, key := range []string{"user", "host", "port", "dbname"} {
		if params[key] == "" {
			delete(params, key)
		}
	}
	if err := readParameters(params, query); err != nil {
		return nil, err
	}
	for key, value := range params {
		if strings.ContainsRune(value, 0) {
			return nil, badURL("the " + key + " in the database URL has a NUL character in it")
		}
		if key != "password" && tokenctl.Invisible(value) != "" {
			return nil, badURL("the " + key + " in the database URL has " + tokenctl.Invisible(value) + " in it")
		}
	}
	return params, nil
}

// readHosts reads host:port,host:port.
func readHosts(params map[string]string, text string) error {
	var hosts, ports []string
	numbered := false
	for part := range strings.SplitSeq(text, ",") {
		host, port := cutPort(part)
		if strings.Trim(port, "0123456789") != "" {
			// It may be a password.
			return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "the port in the database URL is not a number", Hint: errUnescaped.Hint}
		}
		hosts, ports = append(hosts, unescape(strings.Trim(host, "[]"))), append(ports, port)
		numbered = numbered || port != ""
	}
	params["host"] = strings.Join(hosts, ",")
	if numbered {
		params["port"] = strings.Join(ports, ",")
	}
	return nil
}

// readParameters reads the part after the question mark.
func readParameters(params map[string]string, query string) error {
	err := eachParameter(query, func(name, value string) error {
		switch strings.ToLower(name) {
		case "ssl_require":
			switch strings.ToLower(value) {
			case "true", "1", "yes", "on":
				params["ssl_require"] = "true" // [postgresTarget] turns it into an sslmode
			case "false", "0", "no", "off":
			default:
				return badURL("ssl_require in the database URL is neither true nor false")
			}
			return nil
		case "currentschema":
			name = "search_path"
		case "database":
			name = "dbname"
		}
		if name == "ssl" && value == "true" { // a parameter of JDBC, which libpq accepts as well
			name, value = "sslmode", "require"
		}
		allowed, some := parameterValues[name]
		_, twice := params[name]
		switch {
		case !slices.Contains(libpqParameters, name):
			if strings.Contains(query, "@") {
				return errUnescaped // the name may be a part of a password
			}
			return unknownParameter(name)
		case some && !slices.Contains(allowed, value):
			return badURL(name + " in the database URL is not one of " + strings.Join(allowed, ", "))
		case twice:
			return badURL("the database URL gives " + name + " twice")
		}
		params[name] = value
		return nil
	})
	if _, schema := params["search_path"]; err == nil && schema && strings.Contains(params["options"], "search") {
		err = badURL("the database URL gives the schema twice: as a parameter and in options")
	}
	return err
}

// cutAuthority splits the part of a URL after the scheme before its path or its parameters.
func cutAuthority(rest string) (authority, behind string) {
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		return rest[:i], rest[i:]
	}
	return rest, ""
}

// cutPort splits a host and its port. An IPv6 address is in brackets.
func cutPort(text string) (host, port string) {
	if end := strings.LastIndex(text, "]"); end >= 0 {
		return text[:end+1], strings.TrimPrefix(text[end+1:], ":")
	}
	host, port, _ = strings.Cut(text, ":")
	return host, port
}

// cutLast is [strings.Cut] at the last separator. Without a separator, after is the whole text.
func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return "", text, false
	}
	return text[:i], text[i+len(separator):], true
}

// unescape is Python's unquote: a % that begins no escape is literal.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if one, err := url.PathUnescape(text[i : i+3]); err == nil {
				b.WriteString(one)
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// withoutPassword removes everything that may be secret from the part of a URL after the scheme.
// [parameters] has checked the URL before.
func withoutPassword(rest string) string {
	authority, behind := cutAuthority(rest)
	user, hosts, found := cutLast(authority, "@")
	path, query, _ := strings.Cut(behind, "?")
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		if name, _, _ := strings.Cut(pair, "="); pair != "" && !namesSecret(pair) && !secretParameter(name) {
			kept = append(kept, pair)
		}
	}
	text := hosts + path
	if found {
		name, _, _ := strings.Cut(user, ":")
		text = name + "@" + text
	}
	if kept != nil {
		text += "?" + strings.Join(kept, "&")
	}
	return text
}
