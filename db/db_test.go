package db_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
)

// open opens the database of a test; what o leaves out is filled in.
func open(t testing.TB, address string, o db.Options) *db.Store {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	if o.Version == "" {
		o.Version = "test"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	target, err := engine.ParseURL(address, "")
	if err != nil {
		t.Fatal(err)
	}
	s, err := db.Open(target, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// initialised makes Django's tables in an empty database and opens it.
func initialised(t testing.TB, address string, o db.Options) *db.Store {
	t.Helper()
	if strings.HasPrefix(address, "sqlite") {
		if _, err := engine.CreateFile(parse(t, address)); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, address, o)
	if err := s.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// engines runs f on each engine, in parallel, with Django's tables in place.
func engines(t *testing.T, f func(t *testing.T, s *db.Store, address string)) {
	t.Helper()
	dbtest.Engines(t, func(t *testing.T, _, address string) {
		t.Parallel()
		f(t, initialised(t, address, db.Options{}), address)
	})
}

func parse(t testing.TB, address string) engine.Target {
	t.Helper()
	target, err := engine.ParseURL(address, "")
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// newUser creates an ordinary user.
func newUser(t testing.TB, s *db.Store, name string) db.User {
	t.Helper()
	var u db.User
	err := s.Write(t.Context(), func(tx *db.Tx) (err error) {
		u, err = createUser(t.Context(), tx, db.NewUser{Username: name, Password: "!", IsActive: true}, rand.Reader)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// key is a DRF key that tells where it comes from.
func key(n int) tokenctl.Secret { return tokenctl.NewSecret(fmt.Sprintf("%040x", n)) }

func insertToken(ctx context.Context, s *db.Store, u db.User, k tokenctl.Secret) (token db.Token, err error) {
	err = s.Write(ctx, func(tx *db.Tx) error {
		token, err = inserted(ctx, tx, u, k)
		return err
	})
	return token, err
}

// inserted is a user's new token; one who has a token already is a
// CodeTokenExists error.
func inserted(ctx context.Context, tx *db.Tx, u db.User, k tokenctl.Secret) (db.Token, error) {
	taken, err := tx.InsertTokens(ctx, []db.User{u}, []tokenctl.Secret{k}, nil)
	if taken[u.ID] {
		err = &tokenctl.Error{Code: tokenctl.CodeTokenExists}
	}
	return db.Token{Key: k, Created: tx.Now, User: u}, err
}

// The codes of outcomes: see refused.
const (
	isChanged tokenctl.Code = "is changed"
	isGone    tokenctl.Code = "is gone"
	isAlready tokenctl.Code = "is already"
)

// refused is what a change of one row came to, as an error.
func refused(left db.Outcomes, err error) error {
	if err != nil || left[0] == 0 {
		return err
	}
	code := map[db.Outcome]tokenctl.Code{db.ChangedMeanwhile: isChanged, db.Gone: isGone, db.Already: isAlready}[left[0]]
	return &tokenctl.Error{Code: code, Message: string(code)}
}

// replaceToken gives a token another key.
func replaceToken(ctx context.Context, tx *db.Tx, old db.Token, k tokenctl.Secret) (db.Token, error) {
	err := refused(tx.ReplaceTokens(ctx, []db.Ref{old.Ref()}, []tokenctl.Secret{k}))
	return db.Token{Key: k, Created: tx.Now, User: old.User}, err
}

func deleteToken(ctx context.Context, tx *db.Tx, token db.Token) error {
	return refused(tx.DeleteTokens(ctx, []db.Ref{token.Ref()}))
}

// rowOf is a row of which there is a reference.
type rowOf[T any] interface {
	*T
	Ref() db.Ref
}

// refsOf are references to the rows of a list.
func refsOf[T any, P rowOf[T]](list []T) []db.Ref {
	refs := make([]db.Ref, len(list))
	for i := range list {
		refs[i] = P(&list[i]).Ref()
	}
	return refs
}

// withToken creates a user who has a token.
func withToken(t testing.TB, s *db.Store, name string, n int) db.Token {
	t.Helper()
	token, err := insertToken(t.Context(), s, newUser(t, s, name), key(n))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// collect reads a list to its end.
func collect[T any](t testing.TB, list iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for v, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func names(tokens []db.Token) string {
	var list []string
	for _, t := range tokens {
		list = append(list, t.User.Username)
	}
	return strings.Join(list, " ")
}

// manyUsers adds n users, named user1 and so on, each with a token.
func manyUsers(t testing.TB, address string, n int) {
	t.Helper()
	conn, err := dbtest.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, statement := range []string{
		`with recursive s(n) as (select 1 union all select n + 1 from s where n < %d)
		insert into auth_user (username, password, first_name, last_name, email, is_active, is_staff, is_superuser, date_joined)
		select 'user' || n, '!', '', '', '', n %% 7 <> 0, n %% 5 = 0, n %% 2 = 0, '2026-01-02 03:04:05' from s`,
		`insert into authtoken_token (key, created, user_id)
		select substr('%040[1]d' || id, length(cast(id as text)) + 1), date_joined, id from auth_user where username like 'user%%'`,
	} {
		if _, err := conn.Exec(fmt.Sprintf(statement, n)); err != nil {
			t.Fatal(err)
		}
	}
}

// createUser creates a user, and returns the user as the database has it.
func createUser(ctx context.Context, tx *db.Tx, n db.NewUser, random io.Reader) (db.User, error) {
	if _, err := tx.CreateUsers(ctx, []db.NewUser{n}, random); err != nil {
		return db.User{}, err
	}
	users, _, err := tx.UsersNamed(ctx, []string{n.Username})
	if err != nil {
		return db.User{}, err
	}
	return users[0].User, nil
}
