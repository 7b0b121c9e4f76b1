package bench

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// ruleCount counts what a rule of audit finds.
type ruleCount struct{ rule, query string }

// ruleCounts are the aggregates over the rows of a kind and of the users that count the findings of audit. For
// rules that report a number they count what the number counts. They leave out what audit knows without
// reading rows: with a unique constraint no two users have one name, and a user has at most one drf token. They
// also leave out the patterns in keys, for which SQL takes seconds.
func ruleCounts(engine, kind string) []ruleCount {
	table, live, ended := "authtoken_token", "u.is_active", ""
	if kind == "knox" {
		table, live = "knox_authtoken", "u.is_active and length(t.token_key) >= 15 and (t.expiry is null or t.expiry >= '{now}')"
		ended = " and length(t.token_key) >= 15 and (t.expiry is null or t.expiry >= '{now}')"
	}
	owned := "select count(*) from " + table + " t join auth_user u on u.id = t.user_id where "
	alive := owned + live + " and "
	counts := []ruleCount{
		{"privileged-token", alive + "u.is_superuser"},
		{"inactive-owner", owned + "not u.is_active" + ended},
		{"dormant-owner", alive + "(u.last_login < '{half year}' or u.last_login is null and u.date_joined < '{half year}')"},
		{"old-token", alive + "t.created < '{year}'"},
		{"ownerless", "select count(*) from " + table + " t where not exists (select 1 from auth_user u where u.id = t.user_id)"},
		{"weak-hash", "select count(*) from auth_user where length(password) = 32 or substr(password, 1, 3) = 'md5' or substr(password, 1, 4) = 'sha1'"},
		{"clear-elsewhere", "select count(*) from auth_user where length(first_name) >= 32 or length(last_name) >= 32 or length(email) >= 32 or length(username) >= 32"},
	}
	if kind == "drf" {
		other := "t.key ~ '[^0-9a-f]'"
		if engine == "sqlite" {
			other = "t.key glob '*[^0-9a-f]*'"
		}
		half := "substr(t.key, 1, length(t.key) / 2)"
		return append(counts,
			ruleCount{"weak-key", "select count(*) from authtoken_token t where length(t.key) <> 40 or " + other},
			ruleCount{"weak-key", "select coalesce(sum(n), 0) from (select count(*) as n from authtoken_token t group by " + half + " having count(*) > 1) h"},
			ruleCount{"clear-admin-log", "select count(distinct k.key) from authtoken_token k join (select object_repr as text from django_admin_log union select object_id from django_admin_log) a on a.text = k.key"})
	}
	longer, day := "t.expiry - t.created > interval '365 days'", "date_trunc('day', t.expiry at time zone 'UTC')"
	if engine == "sqlite" {
		longer, day = "julianday(t.expiry) - julianday(t.created) > 365", "date(t.expiry)"
	}
	return append(counts,
		ruleCount{"long-life", alive + "(t.expiry is null or " + longer + ")"},
		ruleCount{"many-tokens", "select count(*) from (" + strings.Replace(alive, "count(*)", "t.user_id", 1) + "1 = 1 group by t.user_id having count(*) > 10) m"},
		ruleCount{"dead-rows", owned + "length(t.token_key) < 15 and (t.expiry is null or t.expiry >= '{now}')"},
		ruleCount{"unpurged", "select count(*) from knox_authtoken t where t.expiry < '{now}'"},
		ruleCount{"expiry-cliff", "select count(*) from (" + strings.Replace(alive, "count(*)", "count(*) as n", 1) + "t.expiry is not null group by " + day + ") d where n >= 10 and n * 10 > (" + alive + "1 = 1)"})
}

// audited compares an audit of a kind with plain SQL that counts the same.
func audited(kind string) operation {
	return operation{name: "audit " + kind, from: kind, target: 2, args: []string{"audit", "--fail-on", "critical", "-o", "ndjson"}, plain: func(engine string) string {
		script := ""
		for _, c := range ruleCounts(engine, kind) {
			script += c.query + ";\n"
		}
		return script
	}}
}

// auditDefects plants findings of every rule in the rows of a kind.
var auditDefects = map[string]string{
	"drf": `update authtoken_token set key = 'Zk3-p9_QrS7tUvWxYz' where user_id = 7;
		update authtoken_token set key = (select substr(o.key, 1, 20) from authtoken_token o where o.user_id = 8) || substr(key, 21) where user_id = 9;
		update authtoken_token set created = '2020-01-01 00:00:00' where user_id in (2, 3, 4);
		insert into django_admin_log (action_time, object_id, object_repr, action_flag, change_message, user_id) select '2026-01-01 00:00:00', '1', key, 1, '', 1 from authtoken_token where user_id in (5, 6);`,
	"knox": `update knox_authtoken set created = '2020-01-01 00:00:00' where user_id in (2, 3, 4);
		update knox_authtoken set expiry = null where user_id in (5, 6, 7);
		update knox_authtoken set expiry = '2020-01-01 00:00:00' where user_id in (8, 9);
		update knox_authtoken set token_key = 'short' where user_id in (9, 10, 11, 12);
		insert into knox_authtoken (digest, created, user_id, expiry, token_key) select 'aa' || t.user_id || substr(o.digest, 5), t.created, t.user_id, t.expiry, t.token_key
		from knox_authtoken t, knox_authtoken o where t.user_id in (13, 14) and o.user_id > 8;`,
}

// TestAuditCounts: plain SQL counts what audit finds.
func TestAuditCounts(t *testing.T) {
	dbtest.Slow(t)
	lookClients(t)
	binary := buildTokenctl(t)
	for _, engine := range []string{"postgres", "sqlite"} {
		t.Run(engine, func(t *testing.T) {
			st := newStock(t, engine, binary, newSeeds(t, 20))
			for kind, plant := range auditDefects {
				t.Run(kind, func(t *testing.T) {
					st.t = t
					st.ready(kind)
					name, drop := st.fresh(kind)
					defer drop()
					plant += `update auth_user set is_superuser = (1 = 1) where id in (1, 2);
						update auth_user set is_active = (1 = 0) where id in (2, 10, 15);
						update auth_user set last_login = '2020-01-01 00:00:00' where id in (1, 16);
						update auth_user set date_joined = '2020-01-01 00:00:00' where id = 17;
						update auth_user set password = 'md5$salt$5f4dcc3b5aa765d61d8327deb882cf99' where id in (18, 19);
						delete from auth_user where id = 20;`
					if engine == "postgres" {
						plant = "set session_replication_role = replica;\n" + plant
					}
					if out, err := st.client(name, plant, "").CombinedOutput(); err != nil {
						t.Fatalf("%v\n%s", err, out)
					}
					want := map[string]int{}
					for _, c := range ruleCounts(engine, kind) {
						out, err := st.client(name, c.query+";", "").CombinedOutput()
						n, failed := strconv.Atoi(strings.TrimSpace(string(out)))
						if err != nil || failed != nil {
							t.Fatalf("%s: %v\n%s", c.rule, err, out)
						}
						want[c.rule] += n
					}
					out, err := st.tokenctl(name, "audit", "--fail-on", "critical", "--clock-skew", "1h", "-o", "json").Output()
					if err != nil && len(out) == 0 {
						t.Fatal(err)
					}
					var findings []struct{ Rule, Message string }
					if err := json.Unmarshal(out, &findings); err != nil {
						t.Fatal(err)
					}
					got := map[string]int{}
					for _, f := range findings {
						n := 1
						if f.Rule == "dead-rows" || f.Rule == "unpurged" {
							fmt.Sscan(f.Message, &n)
						}
						got[f.Rule] += n
					}
					for rule, n := range want {
						if got[rule] != n || n == 0 && rule != "clear-elsewhere" {
							t.Errorf("%s: plain SQL counts %d, and audit finds %d", rule, n, got[rule])
						}
						delete(got, rule)
					}
					for _, other := range []string{"too-privileged-role", "schema-drift"} { // which are about no rows
						delete(got, other)
					}
					if len(got) > 0 {
						t.Errorf("plain SQL does not count %v", got)
					}
				})
			}
		})
	}
}
