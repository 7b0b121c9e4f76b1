package db

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/stdlib"
)

// Server is what a PostgreSQL server says about itself and this connection.
type Server struct {
	Version    string
	Supported  bool
	Role       string
	Schema     string // where new tables would go; empty: nowhere
	SearchPath string
	Standby    bool
	ReadOnly   bool // transactions are read-only unless they say otherwise
	Link       Link
}

// Link is the connection to the server, or to the pooler before it.
type Link struct {
	Local     bool // does not leave this machine
	Encrypted bool
	Server    string // what the server sees where that is another connection, such as a pooler's; else empty
}

// Server asks the server.
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

// link looks at the connection from this end: pg_stat_ssl tells of the
// server's end, which behind a pooler is another connection.
func (tx *Tx) link() (Link, error) {
	var l Link
	err := tx.conn.Raw(func(c any) error {
		conn := c.(*stdlib.Conn).Conn().PgConn().Conn()
		_, l.Encrypted = conn.(*tls.Conn)
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

// SchemasWithTables are the schemas in which Django's tables of users or
// credentials stand, besides those that are looked at.
func (tx *Tx) SchemasWithTables(ctx context.Context) ([]string, error) {
	var list []string
	q := &query{columns: []string{"distinct n.nspname::text"}, from: "pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace",
		where: []string{"c.relkind in ('r', 'p', 'f', 'v', 'm')"}, order: []string{"1"}}
	q.and("c.relname = any(%s)", []string{tableUser, tableAuthToken, tableKnox, tableOutstanding, tableSession})
	if schema := tx.store.opts.Schema; schema != "" {
		q.and("n.nspname <> %s", schema)
	} else {
		q.where = append(q.where, "n.nspname <> all(current_schemas(false))")
	}
	return list, tx.each(ctx, q, func(r row) error {
		var name string
		err := r.Scan(&name)
		list = append(list, name)
		return err
	})
}

// Lack is what the role may not do with a table or sequence.
type Lack struct {
	Table      *Table // nil: a schema or a sequence
	Grant      string // what to run: grant … on … to …
	Object     string // for people
	Privileges string // such as "insert, update"
	Reads      bool   // not even reading is allowed
	Rows       bool   // row-level security hides rows; there is no grant for that
}

// Lacks are the privileges that the role is without and tokenctl uses: all four
// on the tables of users and credentials, select on django_migrations, usage of
// their schemas and of the sequences that number their rows. Identity columns
// need no privilege of their own. Who only looks, as readOnly says, needs no more than
// select.
func (tx *Tx) Lacks(ctx context.Context, readOnly bool) ([]Lack, error) {
	tables := tx.Layout.KnownTables()
	if m := tx.Layout.Migrations(); m != nil {
		tables = append(tables, m)
	}
	schemas, names := tableNames(tables)
	rows, err := tx.conn.QueryContext(ctx, `
		with known as (
			select c.oid, c.relowner, n.oid as schema, quote_ident(n.nspname) as schema_name, format('%I.%I', n.nspname, c.relname) as name, k.place,
				case when c.relname = $3 or $4 then array['select'] else array['select', 'insert', 'update', 'delete'] end as needs
			from `+fromTables+`
		), lacking as (
			select 0 as class, min(place) as place, 'schema ' || schema_name as object, 'usage' as privileges, true as reads
			from known where not has_schema_privilege(schema, 'usage') group by schema_name
			union all
			select 1, place, name, string_agg(p, ', ' order by o), bool_or(p = 'select')
			from known, unnest(needs) with ordinality n(p, o)
			where not has_table_privilege(oid, p) group by place, name
			union all
			select 2, place, 'sequence ' || format('%I.%I', sn.nspname, s.relname), 'usage', false
			from known
			join pg_catalog.pg_depend d on d.refobjid = known.oid and d.deptype = 'a' and d.classid = 'pg_class'::regclass
			join pg_catalog.pg_class s on s.oid = d.objid
			join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
			where cardinality(needs) > 1 and case when s.relkind = 'S' then not has_sequence_privilege(s.oid, 'usage') end
			union all
			select 3, place, name, '', false from known where row_security_active(oid)
		)
		select class = 3, case when class in (1, 3) then place else 0 end, object, privileges, reads, quote_ident(current_user) from lacking order by class, place, object`,
		schemas, names, tableMigrations, readOnly)
	if err != nil {
		return nil, tx.explain(ctx, err)
	}
	defer rows.Close()
	var list []Lack
	for rows.Next() {
		var k Lack
		var role string
		var place int
		if err := rows.Scan(&k.Rows, &place, &k.Object, &k.Privileges, &k.Reads, &role); err != nil {
			return nil, tx.explain(ctx, err)
		}
		if place > 0 {
			k.Table = tables[place-1]
		}
		if !k.Rows {
			k.Grant = "grant " + k.Privileges + " on " + k.Object + " to " + role
		}
		list = append(list, k)
	}
	return list, tx.explain(ctx, rows.Err())
}

// Logging is by which settings the server writes parameters of statements, and
// with them tokens, into its log.
type Logging struct {
	Settings []string // such as "log_statement = all"
	Fix      string   // what a superuser can run for this role alone
}

// Logging asks for the settings in force for this role. PostgreSQL 12 logs
// parameters with every statement; 13 brought log_parameter_max_length.
func (tx *Tx) Logging(ctx context.Context) (Logging, error) {
	set := map[string]string{}
	var role string
	q := &query{columns: []string{"name", "setting", "quote_ident(current_user)"}, from: "pg_catalog.pg_settings"}
	q.and("name = any(%s)", []string{"log_statement", "log_min_duration_statement", "log_min_duration_sample", "log_statement_sample_rate",
		"log_transaction_sample_rate", "log_parameter_max_length", "log_parameter_max_length_on_error", "auto_explain.log_min_duration",
		"auto_explain.log_parameter_max_length", "pgaudit.log", "pgaudit.log_parameter"})
	err := tx.each(ctx, q, func(r row) error {
		var name, value string
		err := r.Scan(&name, &value, &role)
		set[name] = value
		return err
	})
	return logging(set, role), err
}

// harmless are the values that keep PostgreSQL 12 from logging parameters.
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
		// ddl has no secrets in it: every statement of tokenctl's with one is an insert, update, delete or select.
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
