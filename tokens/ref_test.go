package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/tokens"
)

// TestBlacklistWhere: what the database alone can select is what a list shows, but what
// is blacklisted already.
func TestBlacklistWhere(t *testing.T) {
	t.Parallel()
	undone := errors.New("undone")
	is, not := true, false
	dbtest.Engines(t, func(t *testing.T, engine, _ string) {
		url, _ := dbtest.Fixture(t, engine)
		dbtest.Query(url, "update auth_user set is_active = false where id = (select min(user_id) from authtoken_token)")
		store, env := open(t, url)
		layout, err := store.Layout(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		now, earlier, later := new(time.Now()), new(time.Now().AddDate(0, 0, -3)), new(time.Now().AddDate(1, 0, 0))
		exact, found := map[*tokens.Kind]int{}, 0
		for _, kind := range tokens.Kinds() {
			for _, s := range []tokens.Selector{{}, {Sort: "id"}, {Types: []string{"sliding"}}, {Types: []string{"refresh", "access"}},
				{UserIDs: []string{"1", "2"}}, {UserIDs: []string{}}, {Staff: &is}, {Staff: &not, Superuser: &not},
				{Statuses: []tokens.Status{tokens.Active}}, {Statuses: []tokens.Status{tokens.Disabled}}, {Statuses: []tokens.Status{tokens.Dead, tokens.Expired}},
				{Statuses: []tokens.Status{tokens.Blacklisted}}, {Statuses: []tokens.Status{tokens.Active, tokens.Disabled, tokens.Expired}},
				{CreatedBefore: now}, {CreatedAfter: now}, {CreatedBefore: now, CreatedAfter: earlier, Staff: &not},
				{ExpiresBefore: now}, {ExpiresAfter: now}, {ExpiresAfter: earlier, ExpiresBefore: later}, {Limit: 1, Sort: "id"}} {
				s.Kinds = []*tokens.Kind{kind}
				s.PassedOver, s.Unreadable = new(int), new(int)
				if ok, err := s.Exact(env, layout); err != nil {
					t.Fatal(err)
				} else if !ok {
					continue
				}
				exact[kind]++
				var want, shown []string
				for c, err := range tokens.List(t.Context(), env, store, s) {
					if err != nil {
						t.Fatal(err)
					}
					if !c.NothingToDo("blacklist") {
						want = append(want, c.ID)
					}
					shown = append(shown, c.ID)
				}
				err := store.Write(t.Context(), func(tx *db.Tx) error {
					n, err := kind.BlacklistWhere(t.Context(), tx, &s)
					if err != nil {
						return err
					}
					if n != int64(len(want)) {
						t.Errorf("%s %+v: %d were blacklisted; listed %v", kind.Name, s, n, want)
					}
					// Those that were listed are, and no others.
					names := make([]tokens.Name, len(shown))
					for i, id := range shown {
						names[i].ID = id
					}
					after, err := tokens.Find(t.Context(), env, tx, names)
					for i, f := range after {
						if f.Err == nil && f.Credentials[0].Status != tokens.Blacklisted {
							t.Errorf("%s %+v: %s is %s", kind.Name, s, shown[i], f.Credentials[0].Status)
						}
					}
					return errors.Join(err, tx.CheckConstraints(t.Context()), undone)
				})
				if !errors.Is(err, undone) {
					t.Fatalf("%s %+v: %v", kind.Name, s, err)
				}
				found += len(want)
			}
		}
		if exact[tokens.DRF] < 18 || exact[tokens.Knox] < 18 || exact[tokens.JWT] < 2 || exact[tokens.Session] < 9 || found < 100 {
			t.Errorf("only %v selectors were exact, and picked %d", exact, found)
		}
	})
}

// TestRefs: references give back of every kind what a list shows, more of them than one
// chunk holds, and a change finds by them what it is about.
func TestRefs(t *testing.T) {
	t.Parallel()
	withKnox(t, func(t *testing.T, s *db.Store, env tokens.Env, _ db.User, address string) {
		const n = 6000
		numbers := fmt.Sprintf("with recursive n(i) as (select 1 union all select i + 1 from n where i < %d) ", n)
		long := strings.Repeat("x", 100)
		for _, statement := range []string{
			"insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined) " +
				"select 1000 + i, case when i % 2 = 0 then '!' else 'x' end, false, 'user' || i || '" + long + "', '', '', '', false, i % 3 > 0, '2026-01-01 00:00:00' from n",
			"insert into authtoken_token (key, created, user_id) select 'key ' || i, '2026-01-01 00:00:00.000001', 1000 + i from n",
			"insert into knox_authtoken (digest, token_key, created, expiry, user_id) select 'digest of more than sixteen ' || i, 'abcdefghijklmno', '2026-01-01 00:00:00', " +
				"case when i % 2 = 0 then '2999-01-01 00:00:00' end, 1000 + i from n",
			"insert into token_blacklist_outstandingtoken (id, jti, token, created_at, expires_at, user_id) select i, 'jti' || i, '', null, '2999-01-01 00:00:00', 1000 + i from n",
			"insert into django_session (session_key, session_data, expire_date) select 'session' || i, 'x', '2999-01-01 00:00:00' from n",
		} {
			if strings.Contains(address, "postgres") {
				statement = strings.ReplaceAll(strings.ReplaceAll(statement, "'2999-01-01 00:00:00'", "timestamptz '2999-01-01'"), "null,", "null::timestamptz,")
				statement = strings.ReplaceAll(strings.ReplaceAll(statement, "'2026-01-01 00:00:00'", "timestamptz '2026-01-01'"), "'2026-01-01 00:00:00.000001'", "timestamptz '2026-01-01 00:00:00.000001'")
			}
			if got := dbtest.Query(address, numbers+statement); got != "" {
				t.Fatal(got)
			}
		}
		var refs tokens.Refs
		var listed []string
		for c, err := range tokens.List(t.Context(), env, s, tokens.Selector{Compare: true}) {
			if err != nil {
				t.Fatal(err)
			}
			refs.Add(&c)
			listed = append(listed, shown(&c))
		}
		if refs.Len() != 4*n || len(listed) != 4*n || len(refs.Forms()) != 4 {
			t.Fatalf("%d references, %d listed, of %d forms", refs.Len(), len(listed), len(refs.Forms()))
		}
		for r := range refs.All() {
			if c := r.Credential(); shown(&c) != listed[r.Index()] {
				t.Fatalf("a reference gives back %s for %s", shown(&c), listed[r.Index()])
			}
		}
		in(t, s, func(ctx context.Context, tx *db.Tx) error {
			for _, k := range tokens.Kinds() {
				again := db.Gone
				if k == tokens.JWT {
					again = db.Already
				}
				total := 0
				for chunk := range refs.Chunks(k, 5000) {
					if total += len(chunk); !slices.IsSortedFunc(chunk, func(a, b *tokens.Ref) int { return a.Index() - b.Index() }) && k == tokens.JWT {
						t.Errorf("%s is in another order than its rows", k.Name)
					}
					// The first stays, as somebody else has it.
					for i, want := range []db.Outcome{0, again} {
						left, err := k.Blacklist(ctx, env, tx, chunk[1:])
						if err != nil || len(left) != []int{0, len(chunk) - 1}[i] {
							t.Errorf("%s, round %d: %d of %d were left, %v", k.Name, i, len(left), len(chunk)-1, err)
						}
						for place, outcome := range left {
							if outcome != want {
								t.Fatalf("%s, round %d: %d is %v", k.Name, i, place, outcome)
							}
						}
						tokens.Mark(chunk[1:], left)
					}
					if chunk[0].Outcome() != db.Changed || chunk[1].Outcome() != again {
						t.Errorf("%s is marked %v and %v", k.Name, chunk[0].Outcome(), chunk[1].Outcome())
					}
				}
				if total != n {
					t.Errorf("%s has %d in its chunks", k.Name, total)
				}
			}
			return nil
		})
		for table, left := range map[string]string{"authtoken_token": "2", "knox_authtoken": "2", "django_session": "2", "token_blacklist_blacklistedtoken": fmt.Sprint(n - 2)} {
			if got := strings.TrimSpace(dbtest.Query(address, "select count(*) from "+table)); got != left {
				t.Errorf("%s has %s rows, want %s", table, got, left)
			}
		}
	})
}

// shown is what a list shows of a credential.
func shown(c *tokens.Credential) string {
	return fmt.Sprint(c.Kind, c.Type, c.ID, c.Owner.ID, c.Owner.Username, c.Owner.Active(), c.Status, c.Created, c.Expires, c.Signature)
}

// TestRefsShowNoSecret: whatever prints references, it prints no key.
func TestRefsShowNoSecret(t *testing.T) {
	t.Parallel()
	url, secrets := dbtest.Fixture(t, "sqlite")
	store, env := open(t, url)
	var keys []string
	for _, list := range []map[string]string{secrets.DRF, secrets.Knox, secrets.Sessions} {
		for _, key := range list {
			keys = append(keys, key)
		}
	}
	for _, jwt := range secrets.JWT {
		keys = append(keys, jwt.Refresh)
	}
	var refs, named tokens.Refs
	for c, err := range tokens.List(t.Context(), env, store, tokens.Selector{Compare: true}) {
		if err != nil {
			t.Fatal(err)
		}
		refs.Add(&c)
	}
	if err := store.Read(t.Context(), func(tx *db.Tx) error {
		for _, key := range keys {
			found, err := tokens.BySecret(t.Context(), env, tx, tokenctl.NewSecret(key))
			if err != nil {
				return err
			}
			for _, c := range found {
				named.Add(c)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if refs.Len() < 15 || named.Len() < 10 {
		t.Fatalf("%d references, %d named", refs.Len(), named.Len())
	}
	for _, list := range []*tokens.Refs{&refs, &named} {
		for r := range list.All() {
			printed := ""
			for _, v := range []any{r, *r, []*tokens.Ref{r}, []tokens.Ref{*r}, struct{ R *tokens.Ref }{r}, struct{ r tokens.Ref }{*r}} {
				printed += fmt.Sprintf("%v %+v %#v %s %d %x %q", v, v, v, v, v, v, v)
			}
			for _, key := range keys {
				if strings.Contains(printed, key) || strings.Contains(printed, fmt.Sprintf("%x", key)) {
					t.Fatalf("%s prints its secret", r.ID())
				}
			}
			if got := fmt.Sprint(r); got != r.ID() {
				t.Errorf("%s prints as %s", r.ID(), got)
			}
		}
	}
}

// TestFind: many names are found each in its place, whatever else is asked for.
func TestFind(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, _ string) {
		url, secrets := dbtest.Fixture(t, engine)
		store, env := open(t, url)
		var names []tokens.Name
		var want []string
		for c, err := range tokens.List(t.Context(), env, store, tokens.Selector{Sort: "created", Descending: true}) {
			if err != nil {
				t.Fatal(err)
			}
			names, want = append(names, tokens.Name{ID: c.ID}), append(want, c.ID)
			if !c.Secret().IsZero() && c.Kind != "jwt" {
				names, want = append(names, tokens.Name{Secret: c.Secret()}), append(want, c.ID)
			}
		}
		for _, jwt := range secrets.JWT {
			names, want = append(names, tokens.Name{Secret: tokenctl.NewSecret(jwt.Refresh)}), append(want, "jwt:"+jwt.JTI)
		}
		// The same ones again, and again.
		names, want = slices.Concat(names, names), slices.Concat(want, want)
		if err := store.Read(t.Context(), func(tx *db.Tx) error {
			found, err := tokens.Find(t.Context(), env, tx, names)
			for i, f := range found {
				if f.Err != nil || len(f.Credentials) != 1 || f.Credentials[0].ID != want[i] {
					t.Errorf("%q: %d credentials, %v; want %s", names[i].ID, len(f.Credentials), f.Err, want[i])
				}
			}
			return err
		}); err != nil {
			t.Error(err)
		}
		// Any text can be asked for, and finds nothing.
		for _, text := range []string{"", "x", "'", `"`, "%", "_", "\\", "\x00", "a\x00b", "\xff", "\xff\xfe\x00", "é", "😀", "[]", "{}", "null", "1; drop table auth_user",
			"eyJ.eyJ.c2ln", strings.Repeat("0", 40), strings.Repeat("0", 64), strings.Repeat("a", 32), strings.Repeat("x", 100000)} {
			asked := []tokens.Name{{ID: "drf:1@" + text}, {ID: "drf:" + text + "@0a1b2c3d"}, {ID: fmt.Sprintf("session:%.8s-0a1b2c3d", text)}}
			if text != "" {
				asked = append(asked, tokens.Name{Secret: tokenctl.NewSecret(text)}, tokens.Name{ID: "drf:" + text}, tokens.Name{ID: "jwt:" + text})
			}
			for _, name := range asked {
				err := store.Read(t.Context(), func(tx *db.Tx) error {
					found, err := tokens.Find(t.Context(), env, tx, []tokens.Name{name, {ID: want[0]}})
					if err != nil {
						return err
					}
					if len(found[0].Credentials) > 0 || len(found[1].Credentials) != 1 {
						t.Errorf("%.40q of %.10q: %d found, and %d of the one beside it", name.ID, text, len(found[0].Credentials), len(found[1].Credentials))
					}
					switch code := tokenctl.CodeOf(found[0].Err); {
					case name.ID == "" && found[0].Err == nil:
					case code == tokenctl.CodeNotFound || code == tokenctl.CodeChanged:
					default:
						t.Errorf("%.40q: %v", name.ID, found[0].Err)
					}
					return nil
				})
				if err != nil {
					t.Errorf("%.40q of %.10q: %v", name.ID, text, err)
				}
			}
		}
	})
}
