package commands

import (
	"cmp"
	"context"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/cache"
	"tokenctl/db"
	"tokenctl/db/engine"
	"tokenctl/output"
	"tokenctl/tokens"
)

// Where a value came from, besides the names of flags, of environment variables
// and of tokenctl.toml.
const (
	fromDefault  = "default"
	fromDetected = "detected"
)

const redacted = "[redacted]"

// detectTime bounds what config show waits for a database.
const detectTime = 5 * time.Second

var configColumns = []output.Column{{Name: "setting", Whole: true}, {Name: "value"}, {Name: "source"}}

func newConfigShow(a *App) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show every setting and where it came from",
		Long: `Show the value of every setting, and where it came from: a flag, an environment
variable, a line of tokenctl.toml, one of libpq's variables, what the database
shows, or the default of Django and its packages. What has no value is null.

Keys and passwords are never shown. Where the database does not answer, what it
would have told is left out, and that is said.`,
		Example: `  tokenctl config show
  tokenctl config show -o json | jq '.[] | select(.source != "default")'`,
		RunE: func(c *cobra.Command, _ []string) error { return a.showConfig(c.Context()) },
	}
}

// configRow is one line of the answer. An empty value is unknown.
type configRow struct{ setting, value, source string }

func (a *App) showConfig(ctx context.Context) error {
	t, err := a.resolveTarget()
	if err != nil {
		return err
	}
	s := &configSources{app: a}
	if a.toml != "" {
		text, err := readPrivate(a.toml)
		if err != nil {
			return err
		}
		s.lines = tokenctl.SettingLines([]byte(text))
	}
	s.general(t)
	effective := a.settings.WithDefaults()
	s.walk("", reflect.ValueOf(*a.settings), reflect.ValueOf(effective))
	if err := s.detect(ctx, t); err != nil {
		var e *tokenctl.Error
		if ctx.Err() != nil || !errors.As(err, &e) {
			return err
		}
		a.say("note: nothing was detected in the database: %s", e.Message)
	}
	return a.write(configColumns, rowsOf(s.rows, func(r *configRow) []output.Value {
		return []output.Value{output.String(r.setting), output.OptString(r.value), output.OptString(r.source)}
	}), false)
}

// configSources gathers the rows.
type configSources struct {
	app   *App
	lines map[string]int
	rows  []configRow
}

func (s *configSources) add(setting, value, source string) {
	s.rows = append(s.rows, configRow{setting, value, source})
}

// line names the line of tokenctl.toml that sets something; it is empty where
// none does.
func (s *configSources) line(setting string) string {
	section, _, _ := strings.Cut(setting, ".")
	for _, name := range []string{setting, section} {
		if n := s.lines[name]; n > 0 {
			return fmt.Sprintf("%s line %d", s.app.toml, n)
		}
	}
	return ""
}

// general adds what is no setting of a package: flags, the database and the key.
func (s *configSources) general(t engine.Target) {
	a := s.app
	source := fromDefault
	if a.global.config != "" {
		source = "flag --config"
	}
	if a.databaseContext != nil && a.databaseContext.Config != "" && a.global.config == a.databaseContext.Config {
		source = a.databaseSource
	}
	s.add("config", a.toml, source)
	raw, source := a.global.database, a.databaseSource
	switch source {
	case "-d":
		source = "flag -d"
	case a.toml:
		raw, source = a.settings.Database, s.line("database")
	case "TOKENCTL_DATABASE_URL", "DATABASE_URL":
		raw = a.Getenv(source)
	case byDefault:
		source = fromDefault
	default:
		if a.databaseContext != nil {
			raw = a.databaseContext.Database
		}
	}
	s.add("database", t.URL(), source)
	if t.Engine == engine.PostgreSQL {
		switch {
		case engine.HasPassword(raw):
			s.add("database_password", redacted, source)
		case a.Getenv("PGPASSWORD") != "":
			s.add("database_password", redacted, "PGPASSWORD")
		}
		source = fromDefault
		if a.global.schema != "" {
			source = "flag --schema"
		}
		if a.databaseContext != nil && a.databaseContext.Schema != "" && a.global.schema == a.databaseContext.Schema {
			source = a.databaseSource
		}
		s.add("schema", a.global.schema, source)
	}
	switch {
	case a.Getenv("TOKENCTL_SECRET_KEY") != "":
		s.add("secret_key", redacted, "TOKENCTL_SECRET_KEY")
	case a.Getenv("DJANGO_SECRET_KEY") != "":
		s.add("secret_key", redacted, "DJANGO_SECRET_KEY")
	case a.settings.SecretKeyFile != "":
		s.add("secret_key", redacted, "the file "+a.settings.SecretKeyFile)
	default:
		s.add("secret_key", "", fromDefault)
	}
	if a.Getenv(tokenctl.CachePassword) != "" {
		s.add("session.cache_password", redacted, tokenctl.CachePassword)
	}
	source = "TOKENCTL_JOURNAL"
	if a.Getenv(source) == "" {
		source = cmp.Or(s.line("journal"), fromDefault)
	}
	s.add("journal", a.journalPath(), source)
}

// walk adds every setting of tokenctl.toml, in the order of the struct. The
// fields' tags are the names, so that none can be forgotten here.
func (s *configSources) walk(prefix string, set, effective reflect.Value) {
	for i := range set.NumField() {
		name := prefix + set.Type().Field(i).Tag.Get("toml")
		field := effective.Field(i)
		if _, leaf := field.Interface().(encoding.TextMarshaler); field.Kind() == reflect.Struct && !leaf {
			s.walk(name+".", set.Field(i), field)
			continue
		}
		switch name {
		case "database", "journal":
			continue
		case "denylist.url":
			s.redis(name, "denylist_password", s.app.denylistSource())
			continue
		}
		s.add(name, settingText(field), cmp.Or(s.line(name), fromDefault))
	}
}

// redis adds the URL of a Redis without its passwords, and whether there is a password.
func (s *configSources) redis(name, password string, r redisSource) {
	url, source := r.address(s.app)
	if source == r.setting {
		source = cmp.Or(s.line(name), fromDefault)
	}
	shown := cache.WithoutPasswords(url)
	if shown == "" && url != "" {
		shown = redacted
	}
	s.add(name, shown, source)
	switch {
	case s.app.Getenv(r.password) != "":
		s.add(password, redacted, r.password)
	case r.passwordFile != "":
		s.add(password, redacted, "the file "+r.passwordFile)
	case url != "" && cache.HasPassword(url):
		s.add(password, redacted, source)
	}
}

// detect fills in what the database tells where no setting does.
func (s *configSources) detect(ctx context.Context, t engine.Target) error {
	a := s.app
	ctx, cancel := context.WithTimeout(ctx, min(a.global.timeout, detectTime))
	defer cancel()
	store, err := a.openTarget(t)
	if err != nil {
		return err
	}
	return store.Read(ctx, func(tx *db.Tx) error {
		u, err := tx.Layout.Users()
		if err != nil {
			return err
		}
		name := u.Name
		if len(u.Children) > 0 {
			name = u.Children[0].Name
		}
		s.detected("auth.user_table", name)
		s.detected("auth.username_field", u.Username)
		hash, err := a.hashing(ctx, tx)
		if err == nil && hash.Iterations > 0 && hash.source != tokens.DefaultHasher {
			s.detected("auth.pbkdf2_iterations", fmt.Sprint(hash.Iterations))
		}
		return err
	})
}

// detected sets a value that nothing else sets.
func (s *configSources) detected(setting, value string) {
	for i := range s.rows {
		if r := &s.rows[i]; r.setting == setting && r.value == "" && value != "" {
			r.value, r.source = value, fromDetected
		}
	}
}
