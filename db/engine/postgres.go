package engine

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresConfig parses a URL, or libpq's environment if the URL is empty. It moves run-time parameters
// from the start-up message into every transaction: PgBouncer would refuse them, or keep them for the
// next client of the pooled connection.
func postgresConfig(raw string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(raw)
	if err != nil {
		return nil, err
	}
	options, err := parseOptions(config.RuntimeParams["options"])
	if err != nil {
		return nil, err
	}
	delete(config.RuntimeParams, "options")
	maps.Copy(config.RuntimeParams, options)
	maps.DeleteFunc(config.RuntimeParams, func(name, _ string) bool { return slices.Contains(notForServer, strings.ToLower(name)) })
	return config, nil
}

// notForServer are run-time parameters that the server does not get: libpq handles some itself, which
// pgx does not know, and every transaction of tokenctl sets the others.
var notForServer = []string{"fallback_application_name", "gssencmode", "keepalives", "keepalives_count", "keepalives_idle",
	"keepalives_interval", "load_balance_hosts", "sslcompression", "tcp_user_timeout",
	"client_encoding", "datestyle", "lock_timeout", "statement_timeout", "timezone"}

// perHost divides the time for connecting among the hosts, so that time is left after a host that does
// not answer.
func perHost(config *pgx.ConnConfig, timeout time.Duration) time.Duration {
	type host struct {
		name string
		port uint16
	}
	hosts := map[host]bool{{config.Host, config.Port}: true}
	for _, f := range config.Fallbacks {
		hosts[host{f.Host, f.Port}] = true
	}
	return timeout / time.Duration(len(hosts))
}

// parseOptions reads libpq's parameter options, with which Django projects set a search_path: "-c
// name=value" and "--name=value". A backslash escapes the next character.
func parseOptions(s string) (map[string]string, error) {
	params := map[string]string{}
	var words []string
	var word strings.Builder
	inWord, escaped := false, false
	for _, r := range s + " " {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped, inWord = true, true
		case r == ' ' || r == '\t' || r == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	for i := 0; i < len(words); i++ {
		assignment, ok := strings.CutPrefix(words[i], "--")
		if !ok {
			if assignment, ok = strings.CutPrefix(words[i], "-c"); !ok {
				return nil, fmt.Errorf("unsupported word in options")
			}
			if assignment == "" {
				if i++; i == len(words) {
					return nil, fmt.Errorf("options end with -c")
				}
				assignment = words[i]
			}
		}
		name, value, ok := strings.Cut(assignment, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("a word in options is not an assignment")
		}
		params[strings.ReplaceAll(name, "-", "_")] = value
	}
	return params, nil
}

// openPostgres prepares the connections. [ParseURL] has checked the URL before.
func (db *DB) openPostgres(raw string) error {
	config, err := postgresConfig(raw)
	if err != nil {
		return err
	}
	db.role = config.User
	for _, name := range slices.Sorted(maps.Keys(config.RuntimeParams)) {
		if name != "application_name" {
			db.local = append(db.local, setting{name, config.RuntimeParams[name]})
		}
	}
	config.RuntimeParams = map[string]string{"application_name": "tokenctl/" + db.opts.Version}
	// This mode takes one round trip, sends parameters separately, and prepares nothing on the server, so
	// it works behind PgBouncer in transaction mode.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	if limit := perHost(config, db.opts.Timeout); config.ConnectTimeout == 0 || config.ConnectTimeout > limit {
		config.ConnectTimeout = limit
	}
	watch(config)
	config.DialFunc = reusing(dialer(db.opts.Timeout).DialContext)
	db.pool = sql.OpenDB(connector{stdlib.GetConnector(*config)})
	return nil
}

// setting is a run-time parameter of PostgreSQL.
type setting struct{ name, value string }

// beginPostgres opens a transaction and sets its limits in one round trip. It sets the isolation and
// the formats because a role or database may have other defaults, and values in the text format depend
// on them. A role that is read-only by default stays read-only, because somebody wants this protection.
// jit is off: compiling a statement takes longer than tokenctl's simple expressions.
// cursor_tuple_fraction is 1 because a cursor reads all of its rows.
func (tx *Tx) beginPostgres(ctx context.Context, mode Mode) error {
	begin := "begin isolation level read committed"
	if mode.ReadOnly {
		begin = "begin isolation level repeatable read"
		if !mode.Temporary {
			begin += " read only" // PostgreSQL makes no temporary table in one
		}
	}
	limit := tx.db.opts.Timeout
	// A wait for a lock begins after its statement. With equal limits the statement's limit would always
	// end first, and the error would not name the lock.
	statement := limit + 250*time.Millisecond
	err := tx.conn.Raw(func(c any) error {
		tx.state = stateOf(c.(*stdlib.Conn).Conn().PgConn())
		tx.state.limit = statement
		return nil
	})
	if err != nil {
		return err
	}
	if mode.Unlimited {
		statement = 0
	}
	_, err = tx.conn.ExecContext(ctx, fmt.Sprintf(`%s;
		set local statement_timeout = %d;
		set local lock_timeout = %d;
		set local jit = off;
		set local cursor_tuple_fraction = 1;
		set local timezone = 'UTC';
		set local datestyle = 'ISO';
		set local client_encoding = 'UTF8'`, begin, statement.Milliseconds(), limit.Milliseconds()))
	if err != nil {
		return err
	}
	tx.state.limit = statement
	for _, s := range tx.db.local {
		if _, err := tx.conn.ExecContext(ctx, "select set_config($1, $2, true)", s.name, s.value); err != nil {
			return err
		}
	}
	return nil
}
