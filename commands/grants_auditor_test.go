package commands_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// TestAuditorSeesNoSecret: what an auditor's role may read holds no key, no token and no password, and
// audit and list say of it what they say to the owner of the tables.
func TestAuditorSeesNoSecret(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	for _, layout := range grantLayouts {
		t.Run(layout.name, func(t *testing.T) {
			t.Parallel()
			w := newGrantWorld(t, layout.sql, layout.schema)
			schema := cmp.Or(layout.schema, "public")
			// Each has a form that audit names, or a pattern.
			for i, key := range []string{"correcthorsebatterystaple", "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef", "abcdefghijklmnopqrstuvwxyz012345", "1f0c3a55be6f17a2e0d1c9b8a7f6e5d4c3b2a190", "1f0c3a55be6f17a2e0d1ffffffeeddccbbaa9988", "Zk3-p9_QrS7tUvWx"} {
				name := fmt.Sprintf("weak%d", i)
				w.admin.must("", "user", "create", name, "-q")
				w.admin.must("", "mint", name, "--kind", "drf", "-q")
				id, _, _ := strings.Cut(strings.TrimPrefix(w.admin.must("", "list", "--kind", "drf", "--user", name, "-o", "id"), "drf:"), "@")
				w.sql(fmt.Sprintf("update %s set key = '%s' where cast(user_id as text) = '%s'", w.tokens, key, id))
			}
			w.plantLog(schema)
			grants := w.grants("audit")
			dbtest.Exec(t, w.admin.url, strings.Join(grants, ";\n")+";")
			secrets := dbtest.Exec(t, w.admin.url, fmt.Sprintf(`select key from %s union all select session_key from %[3]s.django_session union all select password from %[2]s where length(password) > 2
				union all select token from %[3]s.token_blacklist_outstandingtoken where token <> '' union all select right(token, 43) from %[3]s.token_blacklist_outstandingtoken where token <> '' union all select token_key from %[3]s.knox_authtoken`,
				w.tokens, w.users, quoted(schema)))
			seen := dbtest.Exec(t, w.cli.url, `select string_agg(query_to_xml(format('select * from %I.%I', n.nspname, c.relname), true, false, '')::text, '') from pg_class c join pg_namespace n on n.oid = c.relnamespace
				where c.relkind = 'v' and c.relname like 'tokenctl%' and has_table_privilege(c.oid, 'select')`)
			if n := strings.Count(secrets, "\n"); n < 30 || len(seen) < 5000 {
				t.Fatalf("%d secrets, and %d bytes are seen", n, len(seen))
			}
			for secret := range strings.Lines(secrets) {
				if secret = strings.TrimSpace(secret); strings.Contains(seen, secret) {
					t.Errorf("the auditor sees %s", secret)
				}
			}
			refused := dbtest.Query(w.cli.url, "select count(*) from "+w.tokens+" where key <> ''")
			if !strings.Contains(refused, "permission denied") {
				t.Errorf("the keys: %s", refused)
			}
			for _, line := range []string{"list -o json", "list --sort user -o id", "stats -o json", "audit --clock-skew 50y -o json"} {
				args := strings.Fields(line)
				want, _, _ := w.admin.run("", args...)
				got, _, _ := w.run("", args...)
				if strings.HasPrefix(line, "audit") {
					want, got = auditorFindings(t, want), auditorFindings(t, got)
					if n := strings.Count(want, "clear-elsewhere "); n != 4 || !strings.Contains(want, "clear-admin-log ") {
						t.Errorf("the log has %d other secrets:\n%s", n, want)
					}
				}
				want = strings.ReplaceAll(want, `"signature":"verified"`, `"signature":"unchecked"`)
				if got != want {
					t.Errorf("%s: the auditor gets\n%s\nand the owner\n%s", line, got, want)
				}
			}
			if out := w.must("", "show", w.ids("{drf}"), "--reveal", "--field", "token"); out != "" {
				t.Errorf("show --reveal says %s", out)
			}
		})
	}
}

// plantLog writes live secrets into the columns of the admin log that may hold keys: a session key, a knox
// token and a JWT, alone and among other words, and a drf key.
func (w *grantWorld) plantLog(schema string) {
	w.t.Helper()
	drf := w.admin.must("", "show", w.ids("{drf}"), "--reveal", "--field", "token")
	session, knox := w.admin.must("", "mint", "alice", "--kind", "session"), w.admin.must("", "mint", "alice", "--kind", "knox")
	jwt := w.admin.must("", "mint", "alice", "--kind", "jwt", "--force", "--field", "refresh")
	for _, texts := range [][2]string{{session, "a session"}, {"x", "Session object (" + session + ")"}, {"y", "token=" + knox + "&x=1"}, {"refresh: " + jwt + ".", "a JWT"}, {"1", drf}, {"2", "nothing"}} {
		w.sql(fmt.Sprintf("insert into %s.django_admin_log (action_time, object_id, object_repr, action_flag, change_message, user_id) select now(), '%s', '%s', 1, '', (select id from %s limit 1)",
			quoted(schema), texts[0], texts[1], w.users))
	}
}

// auditorFindings are the findings of rules whose answers do not depend on the role.
func auditorFindings(t *testing.T, text string) string {
	t.Helper()
	var list []auditFinding
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err, text)
	}
	var lines []string
	for _, f := range list {
		if f.Rule != "too-privileged-role" && f.Rule != "unpurged" { // which tells sizes
			lines = append(lines, strings.Join([]string{f.Rule, textOf(f.ID), textOf(f.User), f.Message, textOf(f.Fix)}, " "))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// quoted quotes an identifier.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// TestAuditorIsToldSo: doctor tells an auditor what the role is for, not what it lacks, and no hint names a
// grant for it. A role that may write anything is told what it lacks.
func TestAuditorIsToldSo(t *testing.T) {
	t.Parallel()
	w := newGrantWorld(t, "", "")
	dbtest.Exec(t, w.admin.url, strings.Join(w.grants("audit"), ";\n")+";")
	type finding struct{ Check, Status, Found, Fix string }
	doctor := func(args ...string) (list []finding) {
		t.Helper()
		out, errs, _ := w.run("", append([]string{"doctor", "-o", "json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatal(err, out, errs)
		}
		return slices.DeleteFunc(list, func(f finding) bool { return f.Check != "privileges" })
	}
	for _, args := range [][]string{nil, {"--read-only"}} {
		if got := doctor(args...); len(got) != 1 || got[0].Status != "info" || !strings.Contains(got[0].Found, "it is for audit") || got[0].Fix != "" {
			t.Errorf("doctor %v: %v", args, got)
		}
	}
	out, _, _ := w.run("", "doctor", "-o", "csv")
	if strings.Contains(out, "problem") || strings.Contains(out, "expire,") || strings.Contains(out, ", expire") {
		t.Errorf("doctor:\n%s", out)
	}
	_, errs, status := w.run("", strings.Fields(w.ids("blacklist {drf}"))...)
	if status != 1 || !strings.Contains(errs, "permission denied") || !strings.Contains(errs, "hint: this role is for audit") || strings.Contains(errs, "hint: as its owner") {
		t.Errorf("blacklist: %s", errs)
	}
	w.sql("grant delete on knox_authtoken to " + w.role)
	if got := doctor(); len(got) < 2 || !strings.Contains(got[0].Fix, "as its owner: grant") {
		t.Errorf("with a right to write: %v", got)
	}
}
