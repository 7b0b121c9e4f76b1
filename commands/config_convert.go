package commands

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/output"
)

// importDocument is what import.py answers.
type importDocument struct {
	Error, Detail string
	Aliases       []string
	Notes         []string
	Database      *importDatabase
	User          *struct {
		Table, Column string
		Unique        []string
	}
	Hasher *struct {
		Algorithm  string
		Parameters map[string]int
	}
	Backends []string
	// RecoveryCodes is allauth's MFA_RECOVERY_CODE_COUNT; nil where it is not set.
	RecoveryCodes *int `json:"recovery_codes"`
	Validators    *[]struct {
		Name    string
		Options map[string]any
	}
	SimpleJWT          map[string]any
	Knox               map[string]any
	KnoxTable          string `json:"knox_table"`
	TokenTable         string `json:"token_table"`
	SessionTable       string `json:"session_table"`
	Session            map[string]any
	SessionCache       *importCache `json:"session_cache"`
	Keywords           []string
	Versions           map[string]string
	SecretKey          any   `json:"secret_key"`
	SecretKeyFallbacks []any `json:"secret_key_fallbacks"`
	UseTZ              bool  `json:"use_tz"`
	TimeZone           any   `json:"time_zone"`
	Sources            map[string]struct{ File, Env string }
}

// importDatabase is an entry of DATABASES; nil is a value that is no text.
type importDatabase struct {
	Vendor                           string
	Name, User, Password, Host, Port *string
	TimeZone                         *string `json:"time_zone"`
	Options                          map[string]any
}

// imported is a tokenctl.toml in the making.
type imported struct {
	toml         string
	files        []importFile
	notes        []string // what could not be taken over; never a value
	passwordHint string
	section      string
}

// importFile is a file beside tokenctl.toml.
type importFile struct{ name, text string }

// convert turns the project's answer into the files to write. dir is the
// project's folder.
func (o *configImportOptions) convert(d *importDocument, dir string) (*imported, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	m := &imported{toml: "# Settings of tokenctl, as \"tokenctl config import\" found them in the Django project.\n# tokenctl help settings lists what can stand here. Paths count from this file.\n"}
	for _, note := range d.Notes {
		m.note("%s", note)
	}
	if err := o.database(m, d.Database, dir); err != nil {
		return nil, err
	}
	o.secretKey(m, d)
	m.auth(d)
	m.validators(d, dir)
	if len(d.Keywords) == 1 {
		m.set("drf", "keyword", d.Keywords[0], "Token")
	} else if len(d.Keywords) > 1 {
		m.omit("drf", "keyword", "the project has several TokenAuthentication keywords")
	}
	m.set("drf", "token_table", d.TokenTable, "authtoken_token")
	m.simpleJWT(d)
	m.set("knox", "token_table", d.KnoxTable, "")
	m.rules("knox", "REST_KNOX", d.Knox, knoxRules)
	m.rules("session", "SESSION", d.Session, sessionRules)
	m.set("session", "session_table", d.SessionTable, "django_session")
	o.sessionCache(m, d)
	if !d.UseTZ {
		m.line("time", "use_tz", "false")
		zone, _ := d.TimeZone.(string)
		m.set("time", "time_zone", zone, "America/Chicago")
	}
	for _, name := range tokenctl.PeerNames {
		if version := d.Versions[name]; versionText().MatchString(version) {
			m.set("peers", name, version, "")
		}
	}
	if _, err := tokenctl.ParseSettings([]byte(m.toml)); err != nil {
		var message string
		if e, ok := err.(*tokenctl.Error); ok {
			message = e.Message
		}
		return nil, &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: "the project's settings do not fit together: " + message}
	}
	return m, nil
}

var versionText = tokenctl.Lazily(`^\d+(\.\d+)*[0-9A-Za-z.+-]*$`)

func (m *imported) note(format string, args ...any) {
	m.notes = append(m.notes, fmt.Sprintf(format, args...))
}

// line writes one setting if tokenctl takes its value, and a comment otherwise.
func (m *imported) line(section, key, value string) {
	header := ""
	if section != "" {
		header = "[" + section + "]\n"
	}
	if _, err := tokenctl.ParseSettings([]byte(header + key + " = " + value + "\n")); err != nil {
		m.omit(section, key, "tokenctl cannot hold the project's value")
		return
	}
	m.open(section)
	m.toml += key + " = " + value + "\n"
}

// omit leaves a comment, and a note, instead of a setting. The value is in
// neither: it may be anything.
func (m *imported) omit(section, key, why string) {
	m.open(section)
	m.toml += "# " + output.Visible(key) + ": " + output.Visible(why) + "\n"
	name := key
	if section != "" {
		name = section + "." + key
	}
	m.note("%s is left out: %s", name, why)
}

func (m *imported) open(section string) {
	if section != m.section {
		m.section = section
		m.toml += "\n[" + section + "]\n"
	}
}

// set writes a text unless it is the default.
func (m *imported) set(section, key, value, byDefault string) {
	if value != byDefault && value != "" {
		m.line(section, key, tomlString(value))
	}
}

// database writes the URL.
func (o *configImportOptions) database(m *imported, d *importDatabase, dir string) error {
	invalid := func(message, hint string) error {
		return &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: message, Hint: hint}
	}
	if d == nil {
		return invalid("DATABASES cannot be read", strings.Join(m.notes, "; "))
	}
	if d.Name == nil || d.User == nil || d.Password == nil || d.Host == nil || d.Port == nil {
		return invalid("an entry of DATABASES is no text", "write the setting database by hand")
	}
	var text string
	switch d.Vendor {
	case "sqlite":
		path := *d.Name
		if strings.HasPrefix(path, "file:") || path == ":memory:" || path == "" {
			return invalid("the project's SQLite database is no file, or an URI", "write the setting database by hand")
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		var parts []string
		for part := range strings.SplitSeq(path, "/") {
			parts = append(parts, url.PathEscape(part))
		}
		text = "sqlite:///" + strings.Join(parts, "/")
	case "postgresql":
		text = o.postgres(m, d, dir)
	default:
		return invalid("the project's database is "+d.Vendor, "tokenctl speaks PostgreSQL and SQLite")
	}
	if _, err := engine.ParseURL(text, ""); err != nil {
		m.note("the database URL cannot be used on this machine: check its options and the files that it names")
	}
	if d.TimeZone != nil && *d.TimeZone != "" && *d.TimeZone != "UTC" && d.Vendor == "sqlite" {
		m.note("DATABASES has a TIME_ZONE of its own, which tokenctl does not know: dates will be off by its offset")
	}
	m.line("", "database", tomlString(text))
	return nil
}

// passedOptions are the OPTIONS that PostgreSQL's client library takes and pgx
// knows; fileOptions are those of them that name a file; quietOptions concern
// Django alone.
var (
	passedOptions = []string{"sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs", "connect_timeout", "service", "passfile", "options", "channel_binding"}
	fileOptions   = []string{"sslrootcert", "sslcert", "sslkey", "passfile"}
	quietOptions  = []string{"application_name", "client_encoding", "isolation_level", "server_side_binding", "pool", "cursor_factory", "prepare_threshold",
		"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "password"}
)

func (o *configImportOptions) postgres(m *imported, d *importDatabase, dir string) string {
	u := url.URL{Scheme: "postgresql", Path: "/" + *d.Name}
	q := url.Values{}
	password := *d.Password
	if text, ok := d.Options["password"].(string); ok && password == "" {
		password = text
	}
	if *d.User != "" {
		u.User = url.User(*d.User)
		if o.withPassword && password != "" {
			u.User = url.UserPassword(*d.User, password)
		}
	} else if o.withPassword && password != "" {
		q.Set("password", password)
	}
	if strings.HasPrefix(*d.Host, "/") {
		q.Set("host", *d.Host)
		if *d.Port != "" {
			q.Set("port", *d.Port)
		}
	} else {
		u.Host = joinHosts(*d.Host, *d.Port)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Options)) {
		value := d.Options[name]
		text := fmt.Sprint(value)
		_, isText := value.(string)
		_, isNumber := value.(json.Number)
		switch {
		case slices.Contains(quietOptions, name):
		case !slices.Contains(passedOptions, name) || !isText && !isNumber:
			m.omit("", "option "+output.Visible(name)+" of DATABASES", "tokenctl does not know it")
		case slices.Contains(fileOptions, name) && !filepath.IsAbs(text):
			q.Set(name, filepath.Join(dir, text))
		default:
			q.Set(name, text)
		}
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	if password != "" && !o.withPassword {
		field := func(s, byDefault string) string {
			return strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(cmp.Or(s, byDefault))
		}
		m.passwordHint = "the database's password is not written: put the line " + strings.Join([]string{field(*d.Host, "localhost"), field(*d.Port, "5432"),
			field(*d.Name, "*"), field(*d.User, "*"), "PASSWORD"}, ":") + " into ~/.pgpass (mode 0600), or set PGPASSWORD, or name a service file"
	}
	return u.String()
}

// joinHosts writes libpq's lists of hosts and ports as a URL has them.
func joinHosts(hosts, ports string) string {
	list, numbers := strings.Split(hosts, ","), strings.Split(ports, ",")
	for i, host := range list {
		port := numbers[0]
		if len(numbers) == len(list) {
			port = numbers[i]
		}
		switch {
		case port != "":
			list[i] = net.JoinHostPort(host, port)
		case strings.Contains(host, ":"):
			list[i] = "[" + host + "]"
		}
	}
	return strings.Join(list, ",")
}
