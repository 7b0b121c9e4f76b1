package commands_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl/audit"
	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// auditSecretKey is a key like those that Django's startproject makes.
const auditSecretKey = "k3@w!z9#q0r^m7)x5v(u2&d8$p1*s6%t4_y+h-j=fgcbnlaeio"

// auditWorld is a database without anything that audit reports, at a moment that stands still.
type auditWorld struct {
	cli
	engine string
	role   string // on PostgreSQL, that of the audit
	admin  cli    // who may do anything
	notes  string // what the audit says on stderr
}

// newAuditWorld has the users alice, with a drf and a knox token, and bob, with a session.
func newAuditWorld(t *testing.T, engine string) *auditWorld {
	now := time.Now().UTC().Truncate(time.Second)
	env := map[string]string{"TOKENCTL_SECRET_KEY": auditSecretKey}
	w := &auditWorld{engine: engine, notes: noFactors}
	if engine == "postgres" {
		w.role = dbtest.NewRole(t, "")
	}
	url := dbtest.Reuse(t, dbtest.Template(t, engine, "audit", func(url string) {
		c := cli{t: t, url: url, env: env, now: now}
		c.must("", "init", "-q")
		c.must("tr0ub4dor and three more", "user", "create", "alice", "--password-stdin", "-q")
		c.must("", "user", "create", "bob", "-q")
		c.must("", "mint", "alice")
		c.must("", "mint", "alice", "--kind", "knox")
		c.must("", "mint", "bob", "--kind", "session")
	}))
	w.admin = cli{t: t, url: url, env: env, now: now}
	w.cli = w.admin
	if engine == "postgres" {
		dbtest.Exec(t, url, "grant select, insert, update, delete on all tables in schema public to "+w.role+"; grant select, usage on all sequences in schema public to "+w.role)
		t.Cleanup(func() { dbtest.Exec(t, url, "drop owned by "+w.role) })
		w.cli.url = dbtest.As(url, w.role, "")
	}
	return w
}

// at is a time before the world's, as a literal of the engine's.
func (w *auditWorld) at(ago time.Duration) string {
	text := w.now.Add(-ago).Format("2006-01-02 15:04:05")
	if w.engine == "postgres" {
		text += "+00"
	}
	return "'" + text + "'"
}

// sql runs a statement as the owner of the tables.
func (w *auditWorld) sql(format string, args ...any) {
	w.t.Helper()
	if out := dbtest.Query(w.admin.url, fmt.Sprintf(format, args...)); out != "" {
		w.t.Fatalf("%s: %s", fmt.Sprintf(format, args...), out)
	}
}

// before runs tokenctl at an earlier time.
func (w *auditWorld) before(ago time.Duration, args ...string) string {
	w.t.Helper()
	c := w.admin
	c.now = c.now.Add(-ago)
	return c.must("", args...)
}

// id is the only id that list shows.
func (w *auditWorld) id(args ...string) string {
	w.t.Helper()
	return w.admin.must("", append([]string{"list", "-o", "id"}, args...)...)
}

type auditFinding struct {
	Rule, Severity, Message     string
	Kind, ID, User, UserID, Fix *string
	UserKey                     *string `json:"user_id"`
}

func textOf(p *string) string {
	if p == nil {
		return "-"
	}
	return *p
}

// audit returns the findings as lines "rule severity kind id user user_id", in order, with the
// notes on stderr and the exit status.
func (w *auditWorld) audit(args ...string) (lines []string, list []auditFinding, notes string, status int) {
	w.t.Helper()
	out, notes, status := w.run("", append([]string{"audit", "-o", "json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		w.t.Fatalf("%v\n%s%s", err, out, notes)
	}
	for _, f := range list {
		lines = append(lines, strings.Join([]string{f.Rule, f.Severity, textOf(f.Kind), textOf(f.ID), textOf(f.User), textOf(f.UserKey)}, " "))
	}
	return lines, list, notes, status
}

const noFactors = "skipped no-second-factor: no app that keeps second factors is installed\n"

// expect runs the audit and compares all that it finds. ID in want stands for the ids.
func (w *auditWorld) expect(want []string, args ...string) []auditFinding {
	w.t.Helper()
	if !slices.Contains(args, "--clock-skew") { // the world's clock stands still
		args = append(args, "--clock-skew", "12h")
	}
	lines, list, notes, status := w.audit(args...)
	if !slices.Equal(lines, want) {
		w.t.Errorf("audit %s finds\n%s\nwant\n%s", strings.Join(args, " "), strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if want := w.notes; notes != want {
		w.t.Errorf("audit %s says %q", strings.Join(args, " "), notes)
	}
	wantStatus := 0
	for _, line := range want {
		if !strings.Contains(line, " low ") {
			wantStatus = 4
		}
	}
	if status != wantStatus {
		w.t.Errorf("audit %s: status %d, want %d", strings.Join(args, " "), status, wantStatus)
	}
	return list
}

// TestUsageRules: the table of rules in docs/usage.md is that of package audit.
func TestUsageRules(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "docs", "usage.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := "| rule | severity | fires on |\n|---|---|---|\n"
	for _, r := range audit.Rules() {
		want += fmt.Sprintf("| `%s` | %s | %s |\n", r.ID, r.Severity, r.Fires)
	}
	if !strings.Contains(string(text), want) {
		t.Errorf("docs/usage.md lacks the table\n\n%s", want)
	}
}

const day = 24 * time.Hour

// auditCase is a defect, and all that audit reports of a database with it.
type auditCase struct {
	name  string
	only  string // the engine; empty: both
	plant func(w *auditWorld) (want []string)
	args  []string
}

// TestAuditRules plants each defect, and what almost is one, on both engines: the rule fires on
// its defect, and no other rule does. Unless every test must run, PostgreSQL gets only the cases
// that need PostgreSQL.
func TestAuditRules(t *testing.T) {
	t.Parallel()
	dbtest.EachEngine(t, func(t *testing.T, engine string) {
		for _, c := range slices.Concat(auditClean, auditKeys, auditRows, auditUsers, auditTexts, auditDatabase) {
			if c.only != "" && c.only != engine {
				continue
			}
			if c.only == "" && engine == "postgres" && !djangotest.All() {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				w := newAuditWorld(t, engine)
				w.t, w.admin.t = t, t
				w.expect(c.plant(w), c.args...)
			})
		}
	})
}

var auditClean = []auditCase{{name: "clean", plant: func(w *auditWorld) []string { return nil }}}
