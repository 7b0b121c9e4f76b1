package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
	"tokenctl/tokens"
)

// password names a better place for the database's password.
func (d *doctor) password() {
	a := d.app
	source := ""
	switch {
	case a.databaseSource == a.toml && a.toml != "" && engine.HasPassword(a.settings.Database):
		source = a.toml
	case strings.HasSuffix(a.databaseSource, "DATABASE_URL") && engine.HasPassword(a.Getenv(a.databaseSource)):
		source = a.databaseSource
	case a.Getenv("PGPASSWORD") != "" && strings.HasPrefix(a.databaseSource, "PG"):
		source = "PGPASSWORD"
	default:
		return
	}
	d.add("password", statusInfo, "the database's password is in "+source, "prefer .pgpass or a service file: child processes and crash reports see the environment")
	if source == a.toml {
		d.findings[len(d.findings)-1].fix = "prefer .pgpass or a service file, which psql and others share"
	}
}

func (d *doctor) settings() {
	a := d.app
	if a.toml == "" {
		d.info("settings", "no tokenctl.toml: Django's defaults apply, and those of its packages")
	} else {
		d.ok("settings", "%s", a.toml)
	}
	source, key, err := a.secretKey()
	var e *tokenctl.Error
	switch {
	case errors.As(err, &e):
		d.add("secret_key", statusProblem, e.Message, e.Hint)
	case key.IsZero():
		d.info("secret_key", "none configured: signatures of JWTs and sessions cannot be checked or made")
	default:
		d.ok("secret_key", "from %s", source)
	}
}

// denylist says whether the denylist can be asked. That the application asks it, nobody can
// see from here.
func (d *doctor) denylist() error {
	list := d.app.env().Denylist
	if list == nil {
		return nil
	}
	err := list.Ping(d.ctx)
	if err == nil {
		d.ok("denylist", "it answers; %s", tokens.OperatorsWord)
	}
	return d.fail("denylist", err)
}

// sessionCache says whether the cache that has sessions can be asked.
func (d *doctor) sessionCache() error {
	if !d.app.settings.Session.Cached() {
		return nil
	}
	c, err := d.app.env().Cache()
	if err == nil {
		err = c.Ping(d.ctx)
	}
	if err == nil {
		d.ok("session_cache", "it answers")
	}
	return d.fail("session_cache", err)
}

// orphanTime bounds each search that reads whole tables.
const orphanTime = time.Second

func (d *doctor) sqlite(tx *db.Tx, path string) error {
	err := d.try(tx, "server", func() error {
		mode, version, err := tx.JournalMode(d.ctx)
		if err != nil {
			return err
		}
		d.ok("server", "SQLite %s, built in", version)
		d.info("journal", "journal mode %s", mode)
		return nil
	})
	if err != nil {
		return err
	}
	d.file(path)
	return d.bounded(tx, "foreign_keys", func(ctx context.Context) error {
		orphans, err := tx.Orphans(ctx)
		if err != nil {
			return err
		}
		for _, o := range orphans {
			d.add("foreign_keys", statusProblem, fmt.Sprintf("broken references from %s to %s: %s", o.Table, o.Parent, orMore(o.Rows, strconv.Itoa(o.Rows))),
				"look at them with sqlite3: "+o.Look+"; delete these rows, or restore the rows to which they refer")
		}
		if orphans == nil {
			d.ok("foreign_keys", "every row to which another refers exists")
		}
		return nil
	})
}

// file checks the permissions of the SQLite file. Everybody who can read the file has all DRF keys and JWTs in
// it.
func (d *doctor) file(path string) {
	info, err := os.Stat(path)
	if err != nil {
		d.add("file", statusProblem, path+": "+tokenctl.Reason(err), "check the permissions of its folders")
		return
	}
	const write = 2 // W_OK of access(2)
	folder := filepath.Dir(path)
	mode := info.Mode().Perm()
	switch {
	case d.readOnly && mode&0o007 == 0:
		d.ok("file", "mode %04o", mode)
	case !d.readOnly && syscall.Access(path, write) != nil:
		d.readsAll = true
		d.add("file", statusProblem, path+" cannot be written", "give yourself the right: chmod u+w "+path+", or run tokenctl as its owner")
	case !d.readOnly && syscall.Access(folder, write) != nil:
		d.readsAll = true
		d.add("file", statusProblem, "the folder "+folder+" cannot be written: SQLite makes its journal there", "run tokenctl as the folder's owner, or move the database")
	case mode&0o007 != 0:
		d.add("file", statusWarning, fmt.Sprintf("mode %04o: everybody on this machine can access the tokens in it", mode), "chmod o-rwx "+path)
	case mode&0o070 != 0:
		d.info("file", "mode %04o: its group can access the tokens in it", mode)
	default:
		d.ok("file", "mode %04o", mode)
	}
}

func (d *doctor) postgres(tx *db.Tx) error {
	var server engine.Server
	err := d.try(tx, "server", func() (err error) {
		if server, err = tx.Server(d.ctx); err != nil {
			return err
		}
		switch {
		case !server.Supported:
			d.add("server", statusProblem, "PostgreSQL "+server.Version+" is too old", "tokenctl needs PostgreSQL 12 or newer")
		case d.readOnly:
			d.ok("server", "PostgreSQL %s, as %s", server.Version, server.Role)
		case server.Standby:
			d.readsAll = true
			d.add("server", statusWarning, "PostgreSQL "+server.Version+", a standby: nothing can be changed here", "connect to the primary, for example with target_session_attrs=read-write")
		case server.ReadOnly:
			d.readsAll = true
			d.add("server", statusWarning, "PostgreSQL "+server.Version+", default_transaction_read_only is on: nothing can be changed", "connect as a role, or to a server, that may write")
		default:
			d.ok("server", "PostgreSQL %s, as %s", server.Version, server.Role)
		}
		d.link(server.Link)
		return nil
	})
	if err != nil {
		return err
	}
	if err := d.try(tx, "schema", func() error { return d.schema(tx, server) }); err != nil {
		return err
	}
	err = d.try(tx, "logging", func() error {
		l, err := tx.Logging(d.ctx)
		switch {
		case err != nil:
		case l.Settings != nil:
			d.add("logging", statusWarning, "the server's log gets parameters of statements, tokens among them: "+strings.Join(l.Settings, ", "), "as a superuser: "+l.Fix)
		default:
			d.ok("logging", "the server logs no parameters of this role's statements")
		}
		return err
	})
	if err != nil || tx.Layout == nil || len(tx.Layout.KnownTables()) == 0 {
		return err
	}
	return d.try(tx, "privileges", func() error {
		lacks, err := tx.Lacks(d.ctx, d.readOnly)
		if d.auditor = tx.Layout.ReadsViews() && (d.readOnly || writesNothing(tx.Layout, lacks)); d.auditor {
			d.readOnly = true
			d.info("privileges", "%s reads the tables through views without their secrets, and changes nothing: it is for audit, report, list, show and stats", server.Role)
			return err
		}
		for _, l := range lacks {
			if l.Table != nil {
				d.lacks[l.Table] = append(d.lacks[l.Table], strings.Split(l.Privileges, ", ")...)
			}
			switch {
			case l.Rows:
				d.add("privileges", statusWarning, "row-level security hides rows of "+l.Object+" from this role", "connect as its owner, or as a role with bypassrls")
			case l.Reads:
				d.add("privileges", statusProblem, "the role lacks "+l.Privileges+" on "+l.Object, "as its owner: "+l.Grant)
			default:
				d.add("privileges", statusWarning, "the role lacks "+l.Privileges+" on "+l.Object, "as its owner: "+l.Grant+"; or tokenctl doctor --read-only, if the role only needs to read")
			}
		}
		if lacks == nil && err == nil {
			can := "do everything that tokenctl does"
			if d.readOnly {
				can = "read everything that tokenctl reads"
			}
			d.ok("privileges", "%s may %s", server.Role, can)
		}
		return err
	})
}

// writesNothing reports whether a role may change none of the tables.
func writesNothing(l *db.Layout, lacks []engine.Lack) bool {
	return !slices.ContainsFunc(l.KnownTables(), func(t *engine.Table) bool {
		return !slices.ContainsFunc(lacks, func(k engine.Lack) bool {
			return k.Table == t && strings.HasSuffix(k.Privileges, "insert, update, delete")
		})
	})
}

func (d *doctor) link(l engine.Link) {
	switch {
	case l.Encrypted:
		d.ok("connection", "encrypted")
	case l.Local:
		d.ok("connection", "not encrypted, but stays on this machine")
	default:
		d.add("connection", statusWarning, "not encrypted: tokens can be read on the way", "add sslmode=verify-full to the URL, or set PGSSLMODE")
	}
	if l.Server != "" {
		d.info("pooler", "the server sees another connection: %s", l.Server)
	}
}

func (d *doctor) schema(tx *db.Tx, server engine.Server) error {
	looked := d.app.global.schema
	if tables := tx.Layout; tables != nil && len(tables.KnownTables()) > 0 {
		var found []string
		for _, t := range tables.KnownTables() {
			if !slices.Contains(found, t.Schema) {
				found = append(found, t.Schema)
			}
		}
		from := "search_path " + server.SearchPath
		if looked != "" {
			from = "--schema"
		}
		d.ok("schema", "%s, from %s", strings.Join(found, ", "), from)
		return nil
	}
	if tx.Layout != nil && tx.Layout.Empty() != nil {
		return nil // inspect reports this
	}
	if looked == "" {
		looked = "search_path " + server.SearchPath
	}
	elsewhere, err := tx.SchemasWith(d.ctx, db.MainTables(), true)
	if err != nil {
		return err
	}
	if elsewhere == nil {
		d.info("schema", "no tables of Django's for users or credentials in any schema")
		return nil
	}
	d.add("schema", statusProblem, "no tables of Django's in "+looked+", but in "+strings.Join(elsewhere, ", "), "give --schema "+strings.Join(elsewhere, " or --schema "))
	return nil
}
