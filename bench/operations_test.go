package bench

import (
	"slices"
	"strings"
)

// operation is one thing that tokenctl does, and the plain SQL that does the same.
type operation struct {
	name   string
	from   string   // the database of the stock that it starts with
	args   []string // of tokenctl
	stdin  string   // the seed that tokenctl reads
	plain  func(engine string) string
	django []string // of manage.py
	target float64  // how many times longer than plain SQL it may take; 0: as it comes
	sqlite float64  // on SQLite, where that is something else
	count  string   // what must have the same answer afterwards; "": it changes nothing
}

// limit is the target on an engine; 0 is none.
func (o *operation) limit(engine string) float64 {
	if engine == "sqlite" && o.sqlite > 0 {
		return o.sqlite
	}
	return o.target
}

// same is SQL that both databases understand.
func same(script string) func(string) string {
	return func(string) string { return script + "\n" }
}

// either is one script for each database.
func either(postgres, sqlite string) func(string) string {
	return func(engine string) string {
		if engine == "sqlite" {
			return sqlite + "\n"
		}
		return postgres + "\n"
	}
}

// rows prints what a query returns: the query that tokenctl itself sends.
func rows(format, query string) func(string) string {
	if format == "csv" {
		return either("copy ("+query+") to stdout with (format csv);", ".mode csv\n"+query+";")
	}
	return either("copy ("+query+") to stdout;", ".mode tabs\n"+query+";")
}

const (
	owner      = "select cast(u.id as text), u.username, u.is_active, "
	drfRows    = owner + "t.key, t.created from authtoken_token t join auth_user u on u.id = t.user_id order by "
	drfByOwner = drfRows + "t.user_id"
	drfByAge   = drfRows + "t.created, cast(u.id as text)"
	knoxRows   = owner + `t.digest, t.created, t.expiry, case when not u.is_active then 'disabled' when length(t.token_key) < 15 then 'dead'
		when t.expiry < '{now}' then 'expired' else 'active' end
		from knox_authtoken t join auth_user u on u.id = t.user_id order by t.digest`
	jwtRows = owner + `o.id, o.jti, o.token, o.created_at, o.expires_at, b.token_id is not null
		from token_blacklist_outstandingtoken o left join token_blacklist_blacklistedtoken b on b.token_id = o.id
		left join auth_user u on u.id = o.user_id order by o.id`
	allByAge = `select * from (
		select t.key as id, u.username, u.is_active, t.created, null as expires from authtoken_token t join auth_user u on u.id = t.user_id
		union all select t.digest, u.username, u.is_active, t.created, t.expiry from knox_authtoken t join auth_user u on u.id = t.user_id
		union all select o.token, u.username, u.is_active, o.created_at, o.expires_at
			from token_blacklist_outstandingtoken o left join auth_user u on u.id = o.user_id
		union all select session_data, null, null, null, expire_date from django_session) c order by created, id`
	sessionRows = "select session_key, session_data, expire_date from django_session order by session_key"

	countDRF     = "select count(*), count(distinct key) from authtoken_token"
	countNewDRF  = countDRF + " where created > '{day}'"
	countKnox    = "select count(*), count(distinct digest) from knox_authtoken"
	countNewKnox = countKnox + " where created > '{day}'"
	countJWT     = "select (select count(*) from token_blacklist_outstandingtoken), count(*) from token_blacklist_blacklistedtoken"
	countSession = "select count(*) from django_session"
	// Only the keys tell new sessions from old ones.
	countNewSession = "select count(*), count(distinct session_key), count(case when session_key = '{first session}' then 1 end) from django_session"
	countUsers      = "select count(*), min(username), max(email), max(last_name) from auth_user"
)

func list(kind, format, query string, target float64, more ...string) operation {
	name := "list " + kind + " " + format
	if more != nil {
		name += " sorted"
	}
	return operation{name: name, from: kind, target: target, plain: rows(format, query),
		args: append([]string{"list", "--kind", kind, "-o", format}, more...)}
}

// groups counts rows by status, owner, age and time to live, as tokenctl asks for them.
func groups(status, life, table string) func(string) string {
	return rows("", "select "+status+`, case when u.is_superuser then 'superuser' when u.is_staff then 'staff' else 'user' end,
		case when t.created < '{day}' then 1 else 0 end, `+life+`, count(*)
		from `+table+" t left join auth_user u on u.id = t.user_id group by 1, 2, 3, 4")
}

func stats(kind string, plain func(string) string, target, sqlite float64) operation {
	return operation{name: "stats " + kind, from: kind, target: target, sqlite: sqlite, plain: plain, args: []string{"stats", "--kind", kind, "-o", "json"}}
}

func mint(kind, count string, python string) operation {
	return operation{name: "mint " + kind, from: "users", target: 2, count: count, plain: load(kind), django: shell(python),
		args: []string{"mint", "--all-users", "--kind", kind, "--yes", "--out", "{out}"}}
}

func rotate(kind, count string, plain func(string) string, python string) operation {
	return operation{name: "rotate " + kind, from: kind, target: 1.5, count: count, plain: plain, django: shell(python),
		args: []string{"rotate", "--kind", kind, "--older-than", "1d", "--yes", "--out", "{out}"}}
}

// blacklist is what a script does, without a look at the set; shown is with one.
func blacklist(kind, count, plain string, python string, selector ...string) operation {
	return operation{name: "blacklist " + kind, from: kind, target: 1.5, count: count, plain: same(plain), django: shell(python),
		args: append([]string{"blacklist", "--kind", kind, "--yes", "-q"}, selector...)}
}

// shown is the same with the list that tokenctl shows of what it is about to do.
func (o operation) shown(query string) operation {
	o.name, o.django, o.target = o.name+" shown", nil, 2.5
	plain, list := o.plain, rows("", query)
	o.plain = func(engine string) string { return list(engine) + plain(engine) }
	o.args = slices.DeleteFunc(slices.Clone(o.args), func(arg string) bool { return arg == "-q" })
	return o
}

func purge(kind, count, plain string, django ...string) operation {
	return operation{name: "purge " + kind, from: kind + "-expired", target: 1.5, count: count, plain: same(plain), django: django,
		args: []string{"purge", "--kind", kind, "--yes"}}
}

// named are the commands that read secrets of a kind from standard input, against a copy
// into a temporary table and a join of a column with an expression over its secret, which
// match gives. fresh is what plain SQL sets in a row to rotate it.
func named(kind, table, count, renewed string, match func(engine string) (column, expression string), fresh func(engine string) string) []operation {
	stdin := kind + "-secrets"
	copied := either("create temporary table s (secret text);\n\\copy s from '{"+stdin+"}'\nanalyze s;",
		"create temporary table s (secret text);\n.import --schema temp {"+stdin+"} s")
	look := func(verb string) operation {
		return operation{name: verb + " " + kind + " named", from: kind, target: 3, sqlite: 6, stdin: stdin, args: []string{verb, "-"},
			plain: func(engine string) string {
				column, expression := match(engine)
				query := "select * from " + table + " t join s on t." + column + " = " + expression
				if kind != "session" {
					query = strings.Replace(query, " join s", " join auth_user u on u.id = t.user_id join s", 1)
				}
				return copied(engine) + rows("", query)(engine)
			}}
	}
	return []operation{look("verify"), look("show"),
		{name: "blacklist " + kind + " named", from: kind, target: 2, sqlite: 2, count: count, stdin: stdin, args: []string{"blacklist", "-"},
			plain: func(engine string) string {
				column, expression := match(engine)
				return copied(engine) + "delete from " + table + " where " + column + " in (select " + expression + " from s);\n"
			}},
		{name: "rotate " + kind + " named", from: kind, target: 2, sqlite: 2, count: renewed, stdin: stdin, args: []string{"rotate", "-", "--out", "{out}"},
			plain: func(engine string) string {
				column, expression := match(engine)
				return copied(engine) + either(`\o {out}`, `.output {out}`)(engine) + "update " + table + " set " + fresh(engine) + " where " + column + " in (select " + expression + " from s) returning " + column + ";\n"
			}}}
}

// whole is for tables that hold the secret in a column.
func whole(column string) func(string) (string, string) {
	return func(string) (string, string) { return column, "secret" }
}

// digest is for knox's.
func digest(engine string) (column, expression string) {
	if engine == "sqlite" {
		return "token_key", "substr(secret, 1, 15)"
	}
	return "digest", "encode(sha512(secret::bytea), 'hex')"
}

// shell is Python that a project's own script would run.
func shell(python string) []string {
	if python == "" {
		return nil
	}
	return []string{"shell", "-c", `
import csv, json, sys
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
` + python}
}

func operations() []operation {
	drf := list("drf", "ndjson", drfByOwner, 1.5)
	drf.django = shell(`
for t in Token.objects.select_related("user").order_by("user_id").iterator():
    print(json.dumps(dict(user=t.user.username, user_id=str(t.user_id), created=t.created.isoformat(), active=t.user.is_active)))`)
	session := list("session", "ndjson", sessionRows, 3)
	session.django = shell(`
for s in Session.objects.order_by("session_key").iterator():
    print(json.dumps(dict(user_id=s.get_decoded().get("_auth_user_id"), expires=s.expire_date.isoformat())))`)
	drfGone := blacklist("drf", countDRF, "delete from authtoken_token where created < '{day}';",
		"for t in list(Token.objects.all()): t.delete()", "--older-than", "1d")
	knoxGone := blacklist("knox", countKnox, "delete from knox_authtoken where created < '{day}';", "", "--older-than", "1d")
	jwtGone := blacklist("jwt", countJWT, `insert into token_blacklist_blacklistedtoken (blacklisted_at, token_id)
		select '{now}', id from token_blacklist_outstandingtoken where created_at < '{day}';`,
		"for t in OutstandingToken.objects.all(): RefreshToken(t.token).blacklist()", "--older-than", "1d")
	sessionGone := blacklist("session", countSession, "delete from django_session where expire_date > '{now}';", "", "--expires-after", "1d")
	operations := slices.Concat(
		named("drf", "authtoken_token", countDRF, countNewDRF, whole("key"), either(
			"key = left(md5(random()::text) || md5(random()::text), 40), created = now()",
			"key = lower(hex(randomblob(20))), created = '{now}'")),
		named("knox", "knox_authtoken", countKnox, countNewKnox, digest, either(
			"digest = encode(sha512((md5(random()::text) || md5(random()::text))::bytea), 'hex'), token_key = left(md5(random()::text), 15), created = now(), expiry = now() + interval '10 h'",
			"digest = lower(hex(randomblob(64))), token_key = lower(substr(hex(randomblob(8)), 1, 15)), created = '{now}', expiry = '{now}'")),
		named("session", "django_session", countSession, countNewSession, whole("session_key"), either(
			"session_key = md5(random()::text)", "session_key = lower(hex(randomblob(16)))")))
	return append(operations, []operation{
		drf,
		list("drf", "csv", drfByOwner, 1.3),
		list("drf", "tsv", drfByOwner, 1.3),
		list("drf", "json", drfByOwner, 0),
		list("drf", "table", drfByOwner, 0),
		list("drf", "ndjson", drfByAge, 1.5, "--sort", "created"),
		list("knox", "ndjson", knoxRows, 1.5),
		list("jwt", "ndjson", jwtRows, 3),
		session,
		list("drf,knox,jwt,session", "ndjson", allByAge, 0, "--sort", "created"),
		{name: "list drf --count", from: "drf", plain: rows("", "select count(*) from authtoken_token t join auth_user u on u.id = t.user_id"),
			args: []string{"list", "--kind", "drf", "--count"}},
		{name: "list drf csv, rights and ages", from: "drf", args: []string{"list", "--kind", "drf", "-o", "csv", "--columns", "+email,is_active,is_staff,is_superuser,last_login,age_days,expires_days"},
			plain: rows("csv", owner+"t.key, t.created, u.email, u.is_staff, u.is_superuser, u.last_login from authtoken_token t join auth_user u on u.id = t.user_id order by t.user_id")},
		{name: "list drf csv --inactive", from: "drf", args: []string{"list", "--kind", "drf", "-o", "csv", "--inactive"},
			plain: rows("csv", owner+"t.key, t.created from authtoken_token t join auth_user u on u.id = t.user_id where not u.is_active order by t.user_id")},
		{name: "user list --match", from: "users", args: []string{"user", "list", "--match", "999", "-o", "csv"},
			plain: rows("csv", "select id, username, email, is_active, is_staff, is_superuser, last_login from auth_user where lower(username) like '%999%' or lower(email) like '%999%' or lower(first_name) like '%999%' or lower(last_name) like '%999%' order by id")},
		{name: "user list --without-token", from: "drf", args: []string{"user", "list", "--without-token", "knox", "-o", "csv"},
			plain: rows("csv", "select id, username, email, is_active, is_staff, is_superuser, last_login from auth_user u where not exists (select 1 from knox_authtoken t where t.user_id = u.id) order by id")},
		stats("drf", groups("case when u.is_active then 'active' else 'disabled' end", "0", "authtoken_token"), 2, 2),
		stats("knox", groups("case when not u.is_active then 'disabled' when length(t.token_key) < 15 then 'dead' when t.expiry < '{now}' then 'expired' else 'active' end",
			"case when t.expiry is null then 2 when t.expiry < '{now}' then 0 else 1 end", "knox_authtoken"), 2, 2),
		stats("jwt", rows("", jwtRows), 3, 6),
		stats("session", rows("", sessionRows), 3, 6),
		audited("drf"), audited("knox"),
		mint("drf", countDRF, "for u in User.objects.all(): Token.objects.create(user=u)"),
		mint("knox", countKnox, ""),
		mint("jwt", countJWT, "for u in User.objects.all(): print(RefreshToken.for_user(u))"),
		rotate("drf", countNewDRF, either(
			`\o {out}
			update authtoken_token set key = left(md5(random()::text) || md5(random()::text), 40), created = now() where created < '{day}' returning user_id, key;`,
			`.output {out}
			update authtoken_token set key = lower(hex(randomblob(20))), created = '{now}' where created < '{day}' returning user_id, key;`),
			"for t in list(Token.objects.select_related('user')): u = t.user; t.delete(); print(Token.objects.create(user=u).key)"),
		rotate("knox", countNewKnox, either(
			`\o {out}
			update knox_authtoken t set digest = encode(sha512(s.secret::bytea), 'hex'), token_key = left(s.secret, 15), created = now(), expiry = now() + interval '10 h'
			from (select digest, md5(random()::text) || md5(random()::text) as secret from knox_authtoken where created < '{day}' offset 0) s
			where t.digest = s.digest returning t.user_id, s.secret;`,
			`.output {out}
			update knox_authtoken set digest = lower(hex(randomblob(64))), token_key = lower(substr(hex(randomblob(8)), 1, 15)), created = '{now}', expiry = '{now}'
			where created < '{day}' returning user_id, digest;`), ""),
		// Neither psql nor sqlite3 can sign: they write the old texts again.
		rotate("jwt", countJWT, either(
			`\o {out}
			begin;
			insert into token_blacklist_blacklistedtoken (blacklisted_at, token_id) select now(), id from token_blacklist_outstandingtoken where created_at < '{day}';
			insert into token_blacklist_outstandingtoken (token, created_at, expires_at, user_id, jti)
			select token, now(), now() + interval '1 d', user_id, md5(random()::text || id) from token_blacklist_outstandingtoken where created_at < '{day}' returning token;
			commit;`,
			`.output {out}
			begin;
			insert into token_blacklist_blacklistedtoken (blacklisted_at, token_id) select '{now}', id from token_blacklist_outstandingtoken where created_at < '{day}';
			insert into token_blacklist_outstandingtoken (token, created_at, expires_at, user_id, jti)
			select token, '{now}', '{now}', user_id, lower(hex(randomblob(16))) from token_blacklist_outstandingtoken where created_at < '{day}' returning token;
			commit;`), ""),
		drfGone, drfGone.shown(drfRows + "t.key"),
		knoxGone, knoxGone.shown(knoxRows),
		jwtGone, jwtGone.shown(jwtRows),
		sessionGone, sessionGone.shown(sessionRows),
		purge("knox", countKnox, "delete from knox_authtoken where expiry < '{now}';"),
		purge("jwt", countJWT, `begin;
			delete from token_blacklist_blacklistedtoken where token_id in (select id from token_blacklist_outstandingtoken where expires_at < '{now}');
			delete from token_blacklist_outstandingtoken where expires_at < '{now}';
			commit;`, "flushexpiredtokens"),
		purge("session", countSession, "delete from django_session where expire_date < '{now}';", "clearsessions"),
		{name: "user create", from: "empty", plain: load("users"), target: 2, count: countUsers,
			args:   []string{"user", "create", "--from-csv", "{names}", "--no-password"},
			django: shell(`for u in csv.DictReader(open("{names}")): User.objects.create_user(**u)`)},
	}...)
}
