package commands_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/tokens"
)

// users makes users, today, with a drf token each where key is not nil.
func (w *auditWorld) plantKeys(keys ...string) {
	w.t.Helper()
	for i, key := range keys {
		name := fmt.Sprintf("user%02d", i)
		w.admin.must("", "user", "create", name, "-q")
		w.sql("insert into authtoken_token (key, created, user_id) select '%s', %s, id from auth_user where username = '%s'", key, w.at(0), name)
	}
}

// weak are the lines of weak keys of the users user00, user01 and so on, which the numbers name.
func (w *auditWorld) weakKeys(numbers ...int) (want []string) {
	for _, n := range numbers {
		name := fmt.Sprintf("user%02d", n)
		want = append(want, fmt.Sprintf("weak-key critical drf %s %s %d", w.id("--user", name), name, n+3))
	}
	slices.SortFunc(want, func(a, b string) int { return strings.Compare(strings.Fields(a)[3], strings.Fields(b)[3]) })
	return want
}

// sessionLine is the line of a session of nobody with this key.
func sessionLine(rule, key string) string {
	return rule + " session " + tokens.SessionID(tokenctl.NewSecret(key)) + " - -"
}

func (w *auditWorld) plantSession(key string, ends string) {
	w.sql("insert into django_session (session_key, session_data, expire_date) values ('%s', 'e30:1tkNgf:x', %s)", key, ends)
}

// own are ten keys of one form that is not DRF's.
func ownForm(n int) (keys []string) {
	const letters = "Kq7ZpL2xWvT9mRb4HsYd"
	for i := range n {
		keys = append(keys, fmt.Sprintf("%c%s%c%c%s", letters[i], letters[i:], letters[(i*7+3)%20], letters[(i*3+5)%20], letters[:i]))
	}
	return keys
}

var auditKeys = []auditCase{
	{name: "weak-key of patterns and words", plant: func(w *auditWorld) []string {
		w.plantKeys("abababababababababababababababababababab", "0123456789abcdef0123456789abcdef01234567", "correcthorsebatterystaple", "00000000000000000000000000000000000000a1",
			"3f786850e387550fdab836ed7e6dc881de23001b")
		return w.weakKeys(0, 1, 2, 3)
	}},
	{name: "weak-key of one half", plant: func(w *auditWorld) []string {
		w.plantKeys("9c1185a5c5e9fc54612808977ee8f548b2258d31", "9c1185a5c5e9fc54612808977ee8f548b2258d32", "9c1185a5c5e9fc5461280ab41c0b1c3a7d9e8f60")
		return w.weakKeys(0, 1, 2)
	}},
	{name: "weak-key of almost one half", plant: func(w *auditWorld) []string {
		w.plantKeys("9c1185a5c5e9fc54612808977ee8f548b2258d31", "9c1185a5c5e9fc54612af14b63d1aa90c7e55b02")
		return nil
	}},
	{name: "weak-key of a form that nine have", plant: func(w *auditWorld) []string {
		w.plantKeys(ownForm(9)...)
		return w.weakKeys(0, 1, 2, 3, 4, 5, 6, 7, 8)
	}},
	{name: "weak-key of a form that ten have", plant: func(w *auditWorld) []string {
		w.plantKeys(ownForm(10)...)
		return nil
	}},
	{name: "weak-key of a session", plant: func(w *auditWorld) []string {
		w.plantSession("session1session1session1session1", "'2999-01-01 00:00:00'")
		w.plantSession("x9f2kq7zpl2xwvt9mrb4hsyd0c8u5e3a", w.at(-day))
		return []string{sessionLine("weak-key critical", "session1session1session1session1"), sessionLine("long-life medium", "session1session1session1session1")}
	}},
	{name: "weak-signing-key that is short", plant: func(w *auditWorld) []string {
		w.setKey("x9f2kq7zpl2xwvt9mrb4hsyd0c8u5e3")
		return []string{"weak-signing-key critical - - - -"}
	}},
	{name: "weak-signing-key that is just long enough", plant: func(w *auditWorld) []string {
		w.setKey("x9f2kq7zpl2xwvt9mrb4hsyd0c8u5e3a")
		return nil
	}},
	{name: "weak-signing-key of startproject", plant: func(w *auditWorld) []string {
		w.setKey("django-insecure-" + auditSecretKey)
		return []string{"weak-signing-key critical - - - -"}
	}},
	{name: "weak-signing-key of words", plant: func(w *auditWorld) []string {
		w.setKey("change-me-change-me-change-me-change-me-change-me")
		return []string{"weak-signing-key critical - - - -"}
	}},
	{name: "weak-signing-key that is shorter than its hash", plant: func(w *auditWorld) []string {
		w.settings("[simplejwt]\nalgorithm = \"HS512\"\n")
		return []string{"weak-signing-key critical - - - -"} // 50 bytes of 64
	}},
}

// setKey makes what the world has signed right again under another SECRET_KEY.
func (w *auditWorld) setKey(key string) {
	w.env = map[string]string{"TOKENCTL_SECRET_KEY": key}
}

// settings writes a tokenctl.toml for the audit.
func (w *auditWorld) settings(text string) {
	w.more = []string{"--config", privateFile(w.t, text)}
}

var auditRows = []auditCase{
	{name: "privileged-token", plant: func(w *auditWorld) []string {
		w.admin.must("", "user", "create", "root", "--superuser", "-q")
		w.admin.must("", "mint", "root")
		w.admin.must("", "mint", "root", "--kind", "knox")
		w.before(30*day+time.Second, "mint", "root", "--kind", "knox", "--ttl", "30d") // has expired
		return []string{"privileged-token high drf " + w.id("--user", "root", "--kind", "drf") + " root 3",
			"privileged-token high knox " + w.id("--user", "root", "--kind", "knox", "--status", "active") + " root 3",
			"unpurged low knox - - -"}
	}},
	{name: "inactive-owner", plant: func(w *auditWorld) []string {
		w.admin.must("", "user", "deactivate", "alice", "-q")
		return []string{"inactive-owner medium drf " + w.id("--user", "alice", "--kind", "drf") + " alice 1", "inactive-owner medium knox " + w.id("--user", "alice", "--kind", "knox") + " alice 1"}
	}},
	{name: "dormant-owner", plant: func(w *auditWorld) []string {
		w.sql("update auth_user set last_login = %s where username = 'alice'", w.at(180*day+time.Second))
		w.sql("update auth_user set last_login = %s, date_joined = %s where username = 'bob'", w.at(180*day), w.at(300*day))
		return []string{"dormant-owner medium drf " + w.id("--user", "alice", "--kind", "drf") + " alice 1", "dormant-owner medium knox " + w.id("--user", "alice", "--kind", "knox") + " alice 1"}
	}},
	{name: "dormant-owner who never logged in", plant: func(w *auditWorld) []string {
		w.sql("update auth_user set date_joined = %s where username = 'alice'", w.at(180*day))
		w.sql("update auth_user set date_joined = %s where username = 'bob'", w.at(180*day+time.Second))
		return []string{"dormant-owner medium session " + w.id("--kind", "session") + " bob 2"}
	}},
	{name: "old-token", plant: func(w *auditWorld) []string {
		w.before(365*day+time.Second, "mint", "bob")
		w.before(365*day, "mint", "alice", "--kind", "knox", "--ttl", "365d")
		return []string{"old-token medium drf " + w.id("--user", "bob", "--kind", "drf") + " bob 2"}
	}},
	{name: "old-token by a setting", args: []string{"--old-token", "10d"}, plant: func(w *auditWorld) []string {
		w.settings("[audit]\nold_token = \"1d\"\n") // which the flag overrides
		w.before(10*day+time.Second, "mint", "bob")
		w.before(10*day, "mint", "bob", "--kind", "knox", "--ttl", "30d")
		return []string{"old-token medium drf " + w.id("--user", "bob", "--kind", "drf") + " bob 2"}
	}},
	{name: "long-life", plant: func(w *auditWorld) []string {
		w.admin.must("", "mint", "bob", "--kind", "knox", "--never")
		w.admin.must("", "mint", "bob", "--kind", "knox", "--ttl", "365d")
		w.before(time.Second, "mint", "bob", "--kind", "jwt", "--ttl", "8760h1s")
		w.admin.must("", "mint", "bob", "--kind", "jwt", "--ttl", "8760h")
		w.plantSession("x9f2kq7zpl2xwvt9mrb4hsyd0c8u5e3a", w.at(-365*day))
		w.plantSession("m7d0q4n8s1vbz6kx3trc9wlj5yfe2hup", w.at(-365*day-time.Second))
		return []string{"long-life medium knox " + w.id("--user", "bob", "--never-expires") + " bob 2",
			"long-life medium jwt " + w.id("--kind", "jwt", "--created-before", w.now.Format(time.RFC3339)) + " bob 2",
			sessionLine("long-life medium", "m7d0q4n8s1vbz6kx3trc9wlj5yfe2hup"),
			"clear-refresh low jwt - - -"}
	}},
	{name: "never-used", plant: func(w *auditWorld) []string {
		w.settings("[knox]\nauto_refresh = true\ntoken_ttl = \"300d\"\n[simplejwt]\nrotate_refresh_tokens = true\nblacklist_after_rotation = true\n")
		w.before(90*day, "mint", "bob", "--kind", "knox", "--ttl", "300d")
		unused := w.id("--user", "bob", "--kind", "knox")
		w.before(90*day-time.Second, "mint", "bob", "--kind", "knox", "--ttl", "300d")
		w.before(100*day, "mint", "bob", "--kind", "knox", "--ttl", "299d") // was moved
		w.before(91*day, "mint", "bob", "--kind", "jwt", "--ttl", "100d")
		refresh := w.id("--kind", "jwt")
		w.before(90*day-time.Second, "mint", "bob", "--kind", "jwt", "--ttl", "100d")
		w.before(91*day, "mint", "bob")
		return []string{"never-used medium knox " + unused + " bob 2", "never-used medium jwt " + refresh + " bob 2", "clear-refresh low jwt - - -"}
	}},
	{name: "never-used is not known without the settings", plant: func(w *auditWorld) []string {
		w.before(91*day, "mint", "bob", "--kind", "knox", "--ttl", "300d")
		w.before(91*day, "mint", "bob", "--kind", "jwt", "--ttl", "100d")
		return []string{"clear-refresh low jwt - - -"}
	}},
	{name: "ownerless", plant: func(w *auditWorld) []string {
		w.dropForeignKeys()
		w.sql("delete from auth_user where username = 'alice'")
		w.sql("insert into token_blacklist_outstandingtoken (id, jti, token, created_at, expires_at, user_id) values (1, 'nobody', '', null, %s, null), (2, 'kept', '', null, %[1]s, 99), (3, 'theirs', '', null, %[1]s, 2)", w.at(-day))
		w.sql("insert into token_blacklist_blacklistedtoken (id, token_id, blacklisted_at) values (1, 2, %s), (2, 77, %[1]s)", w.at(day))
		w.plantSession("x9f2kq7zpl2xwvt9mrb4hsyd0c8u5e3a", w.at(-day)) // anonymous
		drift := 0
		if w.engine == "postgres" {
			drift = 4 + 2 // and two sequences, as the rows have numbers of their own
		}
		return append([]string{"ownerless medium drf " + w.id("--orphans", "--kind", "drf") + " - 1", "ownerless medium knox " + w.id("--orphans", "--kind", "knox") + " - 1",
			"ownerless medium jwt jwt:nobody - -", "ownerless medium jwt jwt:kept - -", "ownerless medium - - - -"}, drifts(drift)...)
	}},
	{name: "clear-refresh", plant: func(w *auditWorld) []string {
		w.admin.must("", "mint", "bob", "--kind", "jwt")
		return []string{"clear-refresh low jwt - - -"}
	}},
	{name: "clear-refresh of a redacted one", plant: func(w *auditWorld) []string {
		w.admin.must("", "mint", "bob", "--kind", "jwt")
		w.sql("update token_blacklist_outstandingtoken set token = substr(token, 1, length(token) - 43) || 'redacted'")
		return nil
	}},
	{name: "clear-refresh of a dead token", plant: func(w *auditWorld) []string {
		w.admin.must("", "mint", "bob", "--kind", "jwt")
		w.admin.must("", "blacklist", w.id("--kind", "jwt"))
		return nil
	}},
	{name: "many-tokens", plant: func(w *auditWorld) []string {
		for range 9 {
			w.admin.must("", "mint", "alice", "--kind", "knox") // 10 with that of the world
		}
		for range 11 {
			w.admin.must("", "mint", "bob", "--kind", "knox", "--ttl", "30d")
		}
		return []string{"many-tokens low knox - bob 2", "expiry-cliff low - - - -", "expiry-cliff low - - - -"}
	}},
	{name: "dead-rows", plant: func(w *auditWorld) []string {
		w.sql("update django_session set session_data = 'nonsense'")
		return []string{"dead-rows low session - - -"}
	}},
	{name: "unpurged", plant: func(w *auditWorld) []string {
		w.before(day+time.Second, "mint", "bob", "--kind", "knox", "--ttl", "24h")
		w.before(day, "mint", "bob", "--kind", "knox", "--ttl", "24h")
		w.before(30*day, "mint", "bob", "--kind", "session", "--ttl", "1d", "--force")
		return []string{"unpurged low knox - - -", "unpurged low session - - -"}
	}},
	{name: "revivable", plant: func(w *auditWorld) []string {
		sliding := []string{"mint", "bob", "--kind", "jwt", "--type", "sliding"}
		w.before(time.Hour, sliding...)
		id := w.id("--kind", "jwt")
		w.admin.must("", "blacklist", id)
		w.admin.must("", sliding...)
		w.admin.must("", "blacklist", w.id("--kind", "jwt", "--status", "active"))
		return []string{"revivable low jwt " + id + " bob 2"}
	}},
	{name: "expiry-cliff", plant: func(w *auditWorld) []string {
		first := time.Date(w.now.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC).Add(-day)
		for i := range 10 {
			w.admin.must("", "mint", "bob", "--kind", "knox", "--expires", first.Add(time.Duration(i)*time.Hour).Format(time.RFC3339))
		}
		for range 9 { // one too few for a cliff
			w.admin.must("", "mint", "alice", "--kind", "knox", "--expires", first.Add(-time.Second).Format(time.RFC3339))
		}
		return []string{"expiry-cliff low - - - -"}
	}},
}

// dropForeignKeys makes the database as one whose foreign keys nobody checked.
func (w *auditWorld) dropForeignKeys() {
	if w.engine == "postgres" {
		w.sql("do $$ declare r record; begin for r in select conrelid::regclass as t, conname from pg_constraint where contype = 'f' and connamespace = current_schema()::regnamespace loop execute format('alter table %%s drop constraint %%I', r.t, r.conname); end loop; end $$")
	}
}
