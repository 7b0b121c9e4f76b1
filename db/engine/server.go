package engine

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/stdlib"
)

// Server describes a PostgreSQL server and the connection to it.
type Server struct {
	Version    string
	Supported  bool
	Role       string
	Schema     string // the schema in which new tables would be created; empty: none
	SearchPath string
	Standby    bool
	ReadOnly   bool // transactions are read-only by default
	Link       Link
}

// Link is the connection to the server, or to the pooler before it.
type Link struct {
	Local     bool // the connection stays on this machine
	Encrypted bool
	Verified  bool   // the server's certificate was checked (sslmode verify-ca or verify-full)
	Server    string // the connection that the server has, if it is another one, such as a pooler's; else empty
}

// Server reads the description of the server and its connection.
func (tx *Tx) Server(ctx context.Context) (Server, error) {
	var s Server
	var number int
	var seen *string
	var ssl *bool
	err := tx.conn.QueryRowContext(ctx, `
		select current_setting('server_version'), current_setting('server_version_num')::int, current_user::text,
			coalesce(current_schema()::text, ''), current_setting('search_path'), pg_is_in_recovery(),
			current_setting('default_transaction_read_only') = 'on', host(inet_client_addr()),
			(select ssl from pg_stat_ssl where pid = pg_backend_pid())`).
		Scan(&s.Version, &number, &s.Role, &s.Schema, &s.SearchPath, &s.Standby, &s.ReadOnly, &seen, &ssl)
	if err != nil {
		return s, tx.explain(ctx, err)
	}
	s.Supported = number >= minPostgres
	s.Link, err = tx.link()
	if seen != nil && ssl != nil && !*ssl && s.Link.Encrypted {
		s.Link.Server = "unencrypted, from " + *seen
	}
	return s, err
}

// link describes the connection at the client. pg_stat_ssl describes the connection at the server, which
// is another one behind a pooler.
func (tx *Tx) link() (Link, error) {
	var l Link
	err := tx.conn.Raw(func(c any) error {
		pg := c.(*stdlib.Conn).Conn()
		conn := pg.PgConn().Conn()
		_, l.Encrypted = conn.(*tls.Conn)
		if how := pg.Config().TLSConfig; how != nil { // for verify-ca pgx sets VerifyPeerCertificate
			l.Verified = l.Encrypted && (!how.InsecureSkipVerify || how.VerifyPeerCertificate != nil)
		}
		switch a := conn.RemoteAddr().(type) {
		case *net.UnixAddr:
			l.Local = true
		case *net.TCPAddr:
			l.Local = a.IP.IsLoopback()
		}
		return nil
	})
	return l, err
}

// Logging has the settings with which the server writes the parameters of statements, and so tokens,
// to its log.
type Logging struct {
	Settings []string // such as "log_statement = all"
	Fix      string   // statements with which a superuser corrects this for the role
}

// Logging reads the settings that are in force for this role. PostgreSQL 12 logs the parameters of every
// logged statement; 13 introduced log_parameter_max_length.
func (tx *Tx) Logging(ctx context.Context) (Logging, error) {
	set := map[string]string{}
	var role string
	q := &Query{Columns: []string{"name", "setting", "quote_ident(current_user)"}, From: "pg_catalog.pg_settings"}
	q.And("name = any(%s)", []string{"log_statement", "log_min_duration_statement", "log_min_duration_sample", "log_statement_sample_rate",
		"log_transaction_sample_rate", "log_parameter_max_length", "log_parameter_max_length_on_error", "auto_explain.log_min_duration",
		"auto_explain.log_parameter_max_length", "pgaudit.log", "pgaudit.log_parameter"})
	err := tx.Each(ctx, q, func(r Row) error {
		var name, value string
		err := r.Scan(&name, &value, &role)
		set[name] = value
		return err
	})
	return logging(set, role), err
}

// harmless are the values with which PostgreSQL 12 logs no parameters.
var harmless = map[string]string{"log_statement": "none", "log_min_duration_statement": "-1", "log_transaction_sample_rate": "0"}

func logging(set map[string]string, role string) Logging {
	var l Logging
	on := func(name string, means bool) {
		if value, there := set[name]; there && means {
			l.Settings = append(l.Settings, name+" = "+value)
		}
	}
	positive := func(name string) bool {
		f, err := strconv.ParseFloat(set[name], 64)
		return err == nil && f > 0
	}
	duration := func(name string) bool { return set[name] != "" && set[name] != "-1" }
	var fixes []string
	length, has := set["log_parameter_max_length"]
	if !has || length != "0" {
		// ddl logs no secret: tokenctl sends secrets only with insert, update, delete and select.
		on("log_statement", set["log_statement"] == "mod" || set["log_statement"] == "all")
		on("log_min_duration_statement", duration("log_min_duration_statement"))
		on("log_min_duration_sample", duration("log_min_duration_sample") && positive("log_statement_sample_rate"))
		on("log_transaction_sample_rate", positive("log_transaction_sample_rate"))
		switch {
		case len(l.Settings) > 0 && has:
			fixes = append(fixes, "log_parameter_max_length = 0")
		default:
			for _, s := range l.Settings {
				name, _, _ := strings.Cut(s, " ")
				fixes = append(fixes, name+" = "+harmless[name])
			}
		}
	}
	before := len(l.Settings)
	if on("log_parameter_max_length_on_error", set["log_parameter_max_length_on_error"] != "0"); len(l.Settings) > before {
		fixes = append(fixes, "log_parameter_max_length_on_error = 0")
	}
	before = len(l.Settings)
	if on("auto_explain.log_min_duration", duration("auto_explain.log_min_duration") && set["auto_explain.log_parameter_max_length"] != "" &&
		set["auto_explain.log_parameter_max_length"] != "0"); len(l.Settings) > before {
		fixes = append(fixes, "auto_explain.log_parameter_max_length = 0")
	}
	before = len(l.Settings)
	if on("pgaudit.log_parameter", set["pgaudit.log_parameter"] == "on" && set["pgaudit.log"] != "none"); len(l.Settings) > before {
		fixes = append(fixes, "pgaudit.log_parameter = off")
	}
	for i, f := range fixes {
		fixes[i] = "alter role " + role + " set " + f
	}
	l.Fix = strings.Join(fixes, "; ")
	return l
}

// JournalMode returns SQLite's journal mode, such as "wal", and its version.
func (tx *Tx) JournalMode(ctx context.Context) (mode, version string, err error) {
	q := &Query{Columns: []string{"journal_mode", "sqlite_version()"}, From: "pragma_journal_mode"}
	return mode, version, tx.Scan(ctx, q, &mode, &version)
}
