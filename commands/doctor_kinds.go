package commands

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
	"tokenctl/tokens"
)

// kinds reports for every kind of credential whether the database has it, its layout, and the verbs that work.
func (d *doctor) kinds(l *db.Layout, applied map[string][]string) {
	for _, k := range tokens.Kinds() {
		if !k.Present(l) {
			d.absent(k, l, applied)
			continue
		}
		var e *tokenctl.Error
		if errors.As(k.Check(l), &e) {
			d.add(k.Name, statusProblem, e.Message, e.Hint)
			continue
		}
		able, why := d.able(k, l)
		found := layoutOf(k, l) + "; this tokenctl can " + strings.Join(able, ", ")
		if len(able) == 0 {
			found = layoutOf(k, l) + "; this tokenctl can do nothing with it"
		}
		switch {
		case why != nil && why.Code == tokenctl.CodeKeyMissing:
			d.add(k.Name, statusInfo, found+", but not mint: "+why.Message, why.Hint)
		case why != nil:
			d.add(k.Name, statusWarning, found+", but not mint: "+why.Message, why.Hint)
		case len(able) == 0:
			d.info(k.Name, "%s", found)
		default:
			d.ok(k.Name, "%s", found)
		}
		d.outlives(k, l)
	}
}

// outlives reports credentials that stay valid after the deletion of their row.
func (d *doctor) outlives(k *tokens.Kind, l *db.Layout) {
	if k.OutlivesRow == nil {
		return
	}
	if why, _ := k.OutlivesRow(d.app.settings); why != "" {
		fix := "tokenctl user password ends all " + k.Title + " of a user at once"
		if l.Deactivatable(l.User) == nil {
			fix += ", and so does user deactivate"
		}
		d.add(k.Name+"_engine", statusInfo, "deleting a "+k.Noun()+" does not log out: "+why, fix)
	}
}

// able returns the verbs that a kind supports and that this role may use on its tables. If no credential can be
// inserted, why is the reason.
func (d *doctor) able(k *tokens.Kind, l *db.Layout) (able []string, why *tokenctl.Error) {
	for _, verb := range tokens.Verbs {
		table, privilege := k.Needs(l, verb)
		switch {
		case !k.Can(verb):
		case privilege != "" && (d.readOnly || d.readsAll || table == nil || slices.Contains(d.lacks[table.Table], privilege)):
		case verb == "mint" && errors.As(k.Ready(d.app.env(), l, verb), &why):
		case verb != "mint" && k.Ready(d.app.env(), l, verb) != nil:
		default:
			able = append(able, verb)
		}
	}
	return able, why
}

func (d *doctor) absent(k *tokens.Kind, l *db.Layout, applied map[string][]string) {
	app := k.App[strings.LastIndex(k.App, ".")+1:]
	if applied[app] != nil {
		fix := "run manage.py migrate " + app + " zero --fake, then manage.py migrate " + app
		if l.Engine == engine.PostgreSQL {
			fix = "look in another schema with --schema, or " + fix
		}
		d.add(k.Name, statusProblem, "no table, although django_migrations says that "+app+" was migrated", fix)
		return
	}
	d.add(k.Name, statusInfo, "not there", fmt.Sprintf("to use it: add %q to INSTALLED_APPS and run manage.py migrate", k.App))
}

// indexes reports indexes that would help. tokenctl works with the indexes of Django's migrations, so this is
// only advice.
func (d *doctor) indexes(tx *db.Tx) error {
	lacking, err := tx.IndexesLacking(d.ctx)
	for _, i := range lacking {
		d.add("indexes", statusInfo, fmt.Sprintf("%s has some %d rows or more and no index on %s: purge, and lists by expiry, read all of them", i.Table, i.Rows, i.Column),
			"as its owner: "+i.Create)
	}
	return err
}

// layoutOf describes the layout of a kind's tables.
func layoutOf(k *tokens.Kind, l *db.Layout) string {
	if k.Describe == nil {
		return l.Credentials(k.Name).String()
	}
	return k.Describe(l)
}

// releases are the releases that added migrations. A release that changes no model adds none, so the application
// may use a newer one.
var releases = []struct{ peer, app, migration, version string }{
	{"django", "auth", "0008", "1.10"}, {"django", "auth", "0009", "2.0"}, {"django", "auth", "0010", "2.2"}, {"django", "auth", "0012", "3.1"},
	{"drf", "authtoken", "0001", "3.0"}, {"drf", "authtoken", "0003", "3.12.1"}, {"drf", "authtoken", "0004", "3.15.0"},
	{"simplejwt", "token_blacklist", "0007", "3.0"}, {"simplejwt", "token_blacklist", "0008", "4.7.0"}, {"simplejwt", "token_blacklist", "0011", "4.7.1"},
	{"simplejwt", "token_blacklist", "0012", "5.1.0"}, {"simplejwt", "token_blacklist", "0013_alter_blacklistedtoken_options", "5.5.1"},
	{"knox", "knox", "0006", "3.0"}, {"knox", "knox", "0007", "4.0"}, {"knox", "knox", "0008", "4.2.0"}, {"knox", "knox", "0009", "5.0.0"},
}

// peers reports the versions of the application's packages: the configured ones, and the oldest that have the
// applied migrations.
func (d *doctor) peers(applied map[string][]string) {
	p := d.app.settings.Peers
	configured := map[string]tokenctl.Version{"django": p.Django, "drf": p.DRF, "simplejwt": p.SimpleJWT, "knox": p.Knox}
	for _, peer := range []string{"django", "drf", "simplejwt", "knox"} {
		least, by := "", ""
		for _, r := range releases {
			named := slices.IndexFunc(applied[r.app], func(name string) bool { return strings.HasPrefix(name, r.migration) })
			if r.peer == peer && named >= 0 {
				least, by = r.version, r.app+" "+r.migration[:4]
			}
		}
		var parts []string
		if configured[peer] != "" {
			parts = append(parts, string(configured[peer])+" from "+d.app.toml)
		}
		if least != "" {
			parts = append(parts, fmt.Sprintf("at least %s by its migrations (%s)", least, by))
		}
		if v := configured[peer]; v != "" && least != "" && !v.AtLeast(tokenctl.Version(least)) {
			d.add("version_"+peer, statusWarning, strings.Join(parts, ", but "), "correct "+peer+" under [peers] in "+d.app.toml)
		} else if parts != nil {
			d.info("version_"+peer, "%s", strings.Join(parts, "; "))
		}
	}
}
