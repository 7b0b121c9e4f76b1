package db_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/dbtest"
)

// unsigned is a JWT whose signature nobody has made.
func unsigned(payload string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + part([]byte(payload)) + ".c2ln"
}

// outstanding inserts rows of OutstandingToken with ids from 1; a nil owner is
// NULL.
func outstanding(t testing.TB, s *db.Store, rows []outstandingRow) {
	t.Helper()
	err := s.Write(t.Context(), func(tx *db.Tx) error {
		for i, r := range rows {
			expires := r.expires
			if expires == "" {
				expires = "2030-01-01 00:00:00"
			}
			if err := tx.Exec(t.Context(), "insert into token_blacklist_outstandingtoken (token, created_at, expires_at, user_id, jti) values ($1, null, $2, $3, $4)",
				r.text, expires, r.owner, r.jti); err != nil {
				return err
			}
			if r.blacklisted {
				if err := tx.Exec(t.Context(), "insert into token_blacklist_blacklistedtoken (token_id, blacklisted_at) values ($1, '2026-01-01 00:00:00')", i+1); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

type outstandingRow struct {
	jti, text, expires string
	owner              any
	blacklisted        bool
}

// twoUsers makes ann (1) and ben (2), who is inactive.
func twoUsers(t testing.TB, s *db.Store) {
	t.Helper()
	err := s.Write(t.Context(), func(tx *db.Tx) error {
		for i, name := range []string{"ann", "ben"} {
			if err := tx.Exec(t.Context(), `insert into auth_user (id, username, password, first_name, last_name, email, is_active, is_staff, is_superuser, date_joined)
				values ($1, $2, '!', '', '', $3, $4, false, false, '2026-01-01 00:00:00')`, i+1, name, name+"@example.org", name == "ann"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// decideJWT decides by what a token says, which is f's to select.
func decideJWT(f db.Filter, types ...string) db.Classify[db.OutstandingToken] {
	within := func(t time.Time, after, before *time.Time) bool {
		return after == nil && before == nil || !t.IsZero() && (after == nil || t.After(*after)) && (before == nil || t.Before(*before))
	}
	return func(t *db.OutstandingToken) (db.Facts, bool) {
		d := db.Facts{Status: "active", Created: t.Created, Expires: t.Expires}
		if t.Summary != nil {
			d.Type = t.Summary.Type
			if !t.Summary.IssuedAt.IsZero() {
				d.Created = t.Summary.IssuedAt
			}
			if d.Type == "sliding" && !t.Summary.RefreshExpires.IsZero() {
				d.Expires = t.Summary.RefreshExpires
			}
		}
		switch {
		case t.Blacklisted:
			d.Status = "blacklisted"
		case !d.Expires.After(outstandingNow):
			d.Status = "expired"
		case t.User.ID != "" && !t.User.Active():
			d.Status = "disabled"
		}
		return d, (types == nil || slices.Contains(types, d.Type)) && (f.Statuses == nil || slices.Contains(f.Statuses, d.Status)) &&
			within(d.Created, f.CreatedAfter, f.CreatedBefore) && within(d.Expires, f.ExpiresAfter, f.ExpiresBefore)
	}
}

func jtis(t testing.TB, s *db.Store, f db.Filter, settings tokenctl.JWTSettings, types ...string) []string {
	t.Helper()
	list := []string{}
	for token, err := range s.OutstandingTokens(t.Context(), f, settings, decideJWT(f, types...)) {
		if err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		list = append(list, token.JTI)
	}
	return list
}

var outstandingNow = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func outstandingStore(t testing.TB, url string) *db.Store {
	s := initialised(t, url, db.Options{Now: func() time.Time { return outstandingNow }})
	twoUsers(t, s)
	return s
}

// Whatever stands in the column of the text, a list comes to its end.
func TestOutstandingHostileText(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, url string) {
		s := outstandingStore(t, url)
		part := base64.RawURLEncoding.EncodeToString
		texts := []string{"", "x", "a.b.c", "..", "a.b.c.d", "é.é.é", unsigned(""), unsigned("{"), unsigned("[]"), unsigned("null"), unsigned("\xff\xfe\x00\\"),
			unsigned(`{"iat":99999999999999999999,"user_id":99999999999999999999,"token_type":7}`), unsigned(`{"iat":999999999999,"token_type":"sliding","refresh_exp":999999999999}`),
			unsigned(`{"iat":"soon","user_id":[1],"token_type":"sliding","refresh_exp":{}}`), unsigned(`{"iat":-1e300,"user_id":"1'; drop table x; --"}`),
			unsigned(`{"user_id":"\u0000","token_type":"\ud800"}`), part([]byte("x")) + ".A.c", "e30.e30=.c", "e30.e3+/.c", strings.Repeat("A", 4096) + ".A.A", unsigned(`{"iat":` + strings.Repeat("1", 5000) + `}`)}
		var rows []outstandingRow
		for i, text := range texts {
			rows = append(rows, outstandingRow{jti: fmt.Sprint("j", 10+i), text: text, blacklisted: i%3 == 0})
		}
		outstanding(t, s, rows)
		for _, sort := range []string{"", "created", "expires", "id", "kind", "status", "type", "user", "user_id"} {
			for _, descending := range []bool{false, true} {
				if n := len(jtis(t, s, db.Filter{Sort: sort, Descending: descending}, tokenctl.JWTSettings{})); n != len(texts) {
					t.Errorf("sorted by %q: %d of %d rows", sort, n, len(texts))
				}
			}
		}
		for name, f := range map[string]db.Filter{
			"users": {UserIDs: []string{"1"}}, "created": {CreatedBefore: &outstandingNow}, "created after": {CreatedAfter: new(time.Unix(1e12, 0))},
		} {
			if got := jtis(t, s, f, tokenctl.JWTSettings{}); len(got) != 0 {
				t.Errorf("%s: %v", name, got)
			}
		}
		if got := jtis(t, s, db.Filter{}, tokenctl.JWTSettings{}, "refresh"); len(got) != 0 {
			t.Errorf("types: %v", got)
		}
		// A claim with a name that means something to a regular expression or SQL.
		odd := tokenctl.JWTSettings{UserIDClaim: `it's (a|b)[`, TokenTypeClaim: `"\d+%s$`, SlidingTokenRefreshExpClaim: "é?"}
		if n := len(jtis(t, s, db.Filter{Sort: "type", Statuses: []string{"active", "blacklisted"}}, odd)); n != len(texts) {
			t.Errorf("odd claim names: %d rows", n)
		}
		if expired := collect(t, s.ExpiredOutstanding(t.Context(), outstandingNow, nil, tokenctl.JWTSettings{})); len(expired) > 0 {
			t.Errorf("%d have expired", len(expired))
		}
	})
}

func TestOutstandingOwners(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, url string) {
		s := outstandingStore(t, url)
		claims := func(user string) string {
			return unsigned(`{"token_type":"refresh","exp":1900000000,"iat":1790000000,"jti":"x","user_id":` + user + `,"sub":"ben@example.org"}`)
		}
		outstanding(t, s, []outstandingRow{
			{jti: "row", text: "", owner: 1}, {jti: "number", text: claims("1")}, {jti: "text", text: claims(`"1"`)}, {jti: "other", text: claims(`"2"`), owner: 1},
			{jti: "gone", text: claims("77")}, {jti: "blank", text: ""}, {jti: "ben", text: claims("2")},
		})
		for _, test := range []struct {
			f        db.Filter
			settings tokenctl.JWTSettings
			want     string
		}{
			{db.Filter{}, tokenctl.JWTSettings{}, "row number text other gone blank ben"},
			{db.Filter{UserIDs: []string{"1"}}, tokenctl.JWTSettings{}, "row number text other"},
			{db.Filter{UserIDs: []string{"2"}}, tokenctl.JWTSettings{}, "ben"},
			{db.Filter{UserIDs: []string{"1", "2"}, Sort: "id"}, tokenctl.JWTSettings{}, "ben number other row text"},
			{db.Filter{UserIDs: []string{}}, tokenctl.JWTSettings{}, ""},
			{db.Filter{UserIDs: []string{"x"}}, tokenctl.JWTSettings{}, ""},
			{db.Filter{UserIDs: []string{"2"}}, tokenctl.JWTSettings{UserIDClaim: "sub", UserIDField: "email"}, "number text gone ben"},
			{db.Filter{Statuses: []string{"disabled"}}, tokenctl.JWTSettings{}, "ben"},
			{db.Filter{CreatedBefore: new(time.Unix(1790000001, 0))}, tokenctl.JWTSettings{}, "number text other gone ben"},
			{db.Filter{CreatedAfter: new(time.Unix(1790000001, 0))}, tokenctl.JWTSettings{}, ""},
		} {
			if got := strings.Join(jtis(t, s, test.f, test.settings), " "); got != test.want {
				t.Errorf("%+v: %s, want %s", test.f, got, test.want)
			}
		}
		if got := strings.Join(jtis(t, s, db.Filter{Limit: 2}, tokenctl.JWTSettings{}, "refresh"), " "); got != "number text" {
			t.Errorf("the first two refresh tokens: %s", got)
		}
		// What refers to nobody is nobody's.
		for token, err := range s.OutstandingTokens(t.Context(), db.Filter{}, tokenctl.JWTSettings{}, nil) {
			if err != nil || (token.User.ID == "") != slices.Contains([]string{"gone", "blank"}, token.JTI) {
				t.Errorf("%s belongs to %q, %v", token.JTI, token.User.ID, err)
			}
		}
		if _, err := first(s, tokenctl.JWTSettings{UserIDField: "uuid"}, t); tokenctl.CodeOf(err) != tokenctl.CodeConfigInvalid {
			t.Errorf("a USER_ID_FIELD that is not there: %v", err)
		}
	})
}

func first(s *db.Store, settings tokenctl.JWTSettings, t testing.TB) (db.OutstandingToken, error) {
	for token, err := range s.OutstandingTokens(t.Context(), db.Filter{Limit: 1}, settings, nil) {
		return token, err
	}
	return db.OutstandingToken{}, nil
}

// A sliding token is over when it can no longer be refreshed; purge keeps a
// blacklisted one until then.
func TestOutstandingPurge(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, url string) {
		s := outstandingStore(t, url)
		slide := func(until time.Time) string {
			return unsigned(fmt.Sprintf(`{"token_type":"sliding","exp":1,"iat":1,"jti":"x","refresh_exp":%d,"user_id":1}`, until.Unix()))
		}
		plain := unsigned(`{"token_type":"refresh","exp":1,"iat":1,"jti":"x","user_id":1}`)
		past := "2026-11-22 11:00:00"
		outstanding(t, s, []outstandingRow{
			{jti: "live", text: plain}, {jti: "over", text: plain, expires: past}, {jti: "over-listed", text: plain, expires: past, blacklisted: true},
			{jti: "slides", text: slide(outstandingNow.Add(time.Hour)), expires: past}, {jti: "slides-listed", text: slide(outstandingNow.Add(time.Hour)), expires: past, blacklisted: true},
			{jti: "slid", text: slide(outstandingNow.Add(-time.Hour)), expires: past, blacklisted: true},
			{jti: "blank-listed", expires: past, blacklisted: true}, {jti: "blank-old", expires: "2026-11-20 00:00:00", blacklisted: true}, {jti: "blank", expires: past},
		})
		if got := strings.Join(jtis(t, s, db.Filter{Statuses: []string{"expired"}}, tokenctl.JWTSettings{}), " "); got != "over blank" {
			t.Errorf("expired are %s", got)
		}
		if got := strings.Join(jtis(t, s, db.Filter{ExpiresAfter: &outstandingNow, Sort: "expires"}, tokenctl.JWTSettings{}, "sliding"), " "); got != "slides slides-listed" {
			t.Errorf("sliding tokens with time ahead are %s", got)
		}
		if of := collect(t, s.ExpiredOutstanding(t.Context(), outstandingNow, []string{"2"}, tokenctl.JWTSettings{})); len(of) > 0 {
			t.Errorf("of ben %d would be purged", len(of))
		}
		// Tokens without a text are nobody's, the others ann's.
		if of := collect(t, s.ExpiredOutstanding(t.Context(), outstandingNow, []string{"1", "2"}, tokenctl.JWTSettings{})); len(of) != 3 {
			t.Errorf("of ann %d would be purged, want 3", len(of))
		}
		expired := collect(t, s.ExpiredOutstanding(t.Context(), outstandingNow, nil, tokenctl.JWTSettings{}))
		if len(expired) != 5 {
			t.Fatalf("%d would be purged, want 5", len(expired))
		}
		for _, batch := range [][]db.Ref{expired[:2], expired[2:]} {
			err := s.Write(t.Context(), func(tx *db.Tx) error {
				n, err := tx.DeleteExpired(t.Context(), "jwt", batch, outstandingNow)
				if n != int64(len(batch)) {
					t.Errorf("%d were purged, want %d", n, len(batch))
				}
				return errors.Join(err, tx.CheckConstraints(t.Context()))
			})
			dbtest.WantCode(t, err, "")
		}
		if got := strings.Join(jtis(t, s, db.Filter{}, tokenctl.JWTSettings{}), " "); got != "live slides slides-listed blank-listed" {
			t.Errorf("left are %s", got)
		}
		if got := strings.TrimSpace(dbtest.Query(url, "select count(*) from token_blacklist_blacklistedtoken")); got != "2" {
			t.Errorf("%s blacklist rows are left", got)
		}
	})
}

func TestOutstandingLayouts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, engine, change, want string }{
		{"as it is", "", "select 1", ""},
		{"token_blacklist 0004", "", "alter table token_blacklist_outstandingtoken add jti_hex varchar(255)", "layout_unsupported"},
		{"token_blacklist 0001", "postgres", "alter table token_blacklist_outstandingtoken drop column jti; alter table token_blacklist_outstandingtoken add jti uuid unique", "layout_unsupported"},
		{"token_blacklist 0007", "postgres", "alter table token_blacklist_outstandingtoken alter id type integer; alter table token_blacklist_blacklistedtoken alter id type integer, alter token_id type integer", ""},
		{"without a column", "", "alter table token_blacklist_outstandingtoken rename expires_at to expiry", "layout_unsupported"},
		{"no table", "", "drop table token_blacklist_blacklistedtoken; drop table token_blacklist_outstandingtoken", "table_missing"},
		{"no blacklist", "", "drop table token_blacklist_blacklistedtoken", "table_missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dbtest.Engines(t, func(t *testing.T, engine, url string) {
				if test.engine != "" && test.engine != engine {
					return
				}
				outstandingStore(t, url)
				for statement := range strings.SplitSeq(test.change, ";") {
					if text := dbtest.Query(url, statement); strings.Contains(text, "ERROR") || strings.Contains(text, "error") {
						t.Fatal(text)
					}
				}
				s := open(t, url, db.Options{}) // which has not seen the layout yet
				err := s.Write(t.Context(), func(tx *db.Tx) error {
					u, err := tx.UserByID(t.Context(), "1")
					if err != nil {
						return err
					}
					row, err := tx.InsertOutstanding(t.Context(), db.OutstandingToken{JTI: "0123456789abcdef0123456789abcdef", Text: tokenctl.NewSecret("x"), Created: tx.Now, Expires: tx.Now.Add(time.Hour), User: u})
					if err != nil {
						return err
					}
					for _, want := range []bool{true, false} {
						done, err := tx.BlacklistOutstanding(t.Context(), row)
						if err != nil {
							return err
						}
						if done != want {
							t.Errorf("BlacklistOutstanding says %t, want %t", done, want)
						}
					}
					found, err := tx.OutstandingToken(t.Context(), row.JTI, tokenctl.JWTSettings{})
					if err != nil || found == nil || !found.Blacklisted || found.User.Username != "ann" {
						t.Errorf("found %+v, %v", found, err)
					}
					return refused(tx.UnblacklistTokens(t.Context(), []db.Ref{row.Ref()}))
				})
				code := ""
				if err != nil {
					code = string(tokenctl.CodeOf(err))
				}
				if code != test.want {
					t.Errorf("the error is %v, want %s", err, test.want)
				}
				if _, err := first(s, tokenctl.JWTSettings{}, t); (err == nil) != (test.want == "" || test.name == "no blacklist") {
					t.Errorf("listing: %v", err)
				}
			})
		})
	}
}
