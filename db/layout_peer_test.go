package db_test

import (
	"crypto/rand"
	"errors"
	"regexp"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// userModels are the user models of djangotest, and what is to be found out.
var userModels = []struct {
	model, table, username string
	key                    db.KeyType
	column                 string // the key's
	ambiguous              string // the columns that could be USERNAME_FIELD
	missing                string // columns of AbstractUser
	required               string // what CreateUsers cannot fill in
}{
	{"", "auth_user", "username", db.KeyInteger, "id", "", "", ""},
	{"uuid", "accounts_uuiduser", "email", db.KeyUUID, "id", "", "first_name last_name", "full_name"},
	{"both", "accounts_bothuser", "username", db.KeyInteger, "id", "username, email", "", "email"},
	{"extra", "accounts_extrauser", "username", db.KeyInteger, "id", "", "", "tenant, quota"},
	{"mti", "accounts_person", "username", db.KeyInteger, "id", "", "", "tier"},
}

// Django makes the database and two tokens; we read them, and Django accepts
// what we make of them.
func TestPeerLayouts(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		for _, m := range userModels {
			// The oldest and the newest say what differs; the plain model is
			// everybody's.
			if m.model != "" && p.Name == "4.2" {
				continue
			}
			t.Run("model="+m.model, func(t *testing.T) {
				t.Parallel()
				pr := p.Project(t, dbtest.SQLite(t), djangotest.Options{UserModel: m.model})
				for _, address := range []string{dbtest.SQLite(t), dbtest.Postgres(t)} {
					pr.Use(address)
					pr.Migrate()
					var made map[string]string
					pr.Eval(`
result = {}
for name in ("ann@example.com", "bob@example.com"):
    user = User.objects.create_user(**{"email": name, User.USERNAME_FIELD: name})
    result[name] = str(user.pk)
    result[name + " key"] = Token.objects.create(user=user).key`, &made)
					o := db.Options{}
					if m.ambiguous != "" {
						_, err := open(t, address, o).Layout(t.Context())
						dbtest.WantCode(t, err, "")
						for _, err = range open(t, address, o).Tokens(t.Context(), db.Filter{}) {
						}
						dbtest.WantCode(t, err, tokenctl.CodeUsernameField)
						if hint := err.(*tokenctl.Error).Hint; !strings.HasSuffix(hint, m.ambiguous) {
							t.Errorf("hint %q, want %s", hint, m.ambiguous)
						}
						o.UsernameField = m.username
					}
					s := open(t, address, o)
					l, err := s.Layout(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					u, err := l.Users()
					if err != nil {
						t.Fatal(err)
					}
					if u.Name != m.table || u.Key != m.column || u.KeyType != m.key || u.Username != m.username ||
						strings.Join(u.MissingColumns(), " ") != m.missing || (len(u.Children) > 0) != (m.model == "mti") {
						t.Errorf("user table %s, key %s (%s), username %s, without %v, children %d", u.Name, u.Key, u.KeyType, u.Username, u.MissingColumns(), len(u.Children))
					}
					if l.AuthToken() == nil || l.Outstanding() == nil || l.Session() == nil || l.Migrations() == nil || (l.Knox() != nil) != djangotest.HasKnox() {
						t.Errorf("tables: %v", l.KnownTables())
					}
					if c := u.Column(m.username); c == nil || !c.Unique || !c.Text || !c.NotNull {
						t.Errorf("username column %+v", c)
					}
					peerTokens(t, pr, s, made)
					peerCreate(t, s, m.required)
				}
			})
		}
	})
}

var dashes = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// peerTokens reads, rotates and deletes Django's tokens.
func peerTokens(t *testing.T, pr *djangotest.Project, s *db.Store, made map[string]string) {
	t.Helper()
	ctx := t.Context()
	l, _ := s.Layout(ctx)
	hello := func(k, want string) {
		t.Helper()
		if r := pr.Request("GET", "/test_auth/", map[string]string{"Authorization": "Token " + k}, ""); r.Body != want {
			t.Errorf("Django says %s, want %s", r.Body, want)
		}
	}
	list := collect(t, s.Tokens(ctx, db.Filter{Sort: "user"}))
	if names(list) != "ann@example.com bob@example.com" {
		t.Fatalf("tokens of %q", names(list))
	}
	for _, token := range list {
		if name := token.User.Username; token.User.ID != made[name] || token.Key.Reveal() != made[name+" key"] {
			t.Errorf("%s has id %s and key %s, want %v", name, token.User.ID, token.Key.Reveal(), made)
		}
		if l.User.KeyType == db.KeyUUID && !dashes.MatchString(token.User.ID) {
			t.Errorf("the UUID %s has no dashes", token.User.ID)
		}
	}
	err := s.Write(ctx, func(tx *db.Tx) error {
		for _, id := range []string{list[0].User.ID, strings.ReplaceAll(list[0].User.ID, "-", ""), strings.ToUpper(list[0].User.ID)} {
			found, err := tx.TokensOf(ctx, []string{id})
			user, err2 := tx.UserByID(ctx, id)
			if err := errors.Join(err, err2); err != nil {
				return err
			}
			if len(found) != 1 || found[0].User.ID != list[0].User.ID || user.ID != list[0].User.ID {
				t.Errorf("%s: %v, %v", id, found, user)
			}
		}
		if _, err := replaceToken(ctx, tx, list[0], key(1)); err != nil {
			return err
		}
		if err := deleteToken(ctx, tx, list[1]); err != nil {
			return err
		}
		return tx.CheckConstraints(ctx)
	})
	dbtest.WantCode(t, err, "")
	hello(key(1).Reveal(), `"Hello ann@example.com!"`)
	hello(list[0].Key.Reveal(), `{"detail":"Invalid token."}`)
	hello(list[1].Key.Reveal(), `{"detail":"Invalid token."}`)
	_, err = insertToken(ctx, s, list[1].User, key(2))
	dbtest.WantCode(t, err, "")
	hello(key(2).Reveal(), `"Hello bob@example.com!"`)
	if got := names(collect(t, s.Tokens(ctx, db.Filter{UserIDs: []string{list[1].User.ID}}))); got != "bob@example.com" {
		t.Errorf("tokens by owner: %q", got)
	}
}

// peerCreate creates a user where that is possible without knowing the model.
func peerCreate(t *testing.T, s *db.Store, required string) {
	t.Helper()
	err := s.Write(t.Context(), func(tx *db.Tx) error {
		_, err := createUser(t.Context(), tx, db.NewUser{Username: "eve@example.com", Password: "!", IsActive: true}, rand.Reader)
		return err
	})
	if required == "" {
		dbtest.WantCode(t, err, "")
		return
	}
	dbtest.WantCode(t, err, tokenctl.CodeColumnsRequired)
	if !strings.HasSuffix(err.Error(), " "+required) {
		t.Errorf("%v, want %s", err, required)
	}
}
