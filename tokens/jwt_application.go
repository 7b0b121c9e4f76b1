package tokens

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// A new token that the application refuses locks its holder out, above all if it replaces a token that worked. So
// before tokenctl signs, it compares the key, and the claims that depend on settings, with the tokens that the
// application made last.

// newestJWTs is the number of stored tokens that are compared.
const newestJWTs = 100

// keySamples is the number of stored tokens with which the configured key is tried.
const keySamples = 5

// madeJWT is a stored token that can be read.
type madeJWT struct {
	db.StoredToken
	*django.JWT
}

// signingJWT is a backend that signs, with the newest tokens of the application, by which the key and the settings
// were checked.
type signingJWT struct {
	*django.JWTBackend
	newest   []madeJWT
	compared int // the number of tokens with which the claims were compared
}

// signingBackend returns the backend to sign with. It returns an error if another key or other claims made the
// newest stored tokens, unless force is set. refs are tokens that will be replaced. They may have no row, so the
// check includes them.
func signingBackend(ctx context.Context, env Env, tx *db.Tx, force bool, refs []*Ref) (*signingJWT, error) {
	b, err := signableJWT(env)
	if err != nil {
		return nil, err
	}
	s := &signingJWT{JWTBackend: b}
	if s.newest, err = storedJWTs(ctx, tx, b.Settings(), refs); err != nil || force {
		return s, err
	}
	made := slices.DeleteFunc(slices.Clone(s.newest), func(t madeJWT) bool { return t.Marked })
	tried := made
	if len(tried) == 0 {
		tried = s.newest
	}
	if !slices.ContainsFunc(tried[:min(len(tried), keySamples)], func(t madeJWT) bool { return b.Signed(t.Text) }) && len(tried) > 0 {
		return nil, wrongJWTKey(env)
	}
	made = slices.DeleteFunc(made, func(t madeJWT) bool { return b.Keys().CanVerify() && !b.Signed(t.Text) })
	s.compared = len(made)
	return s, wrongClaims(ctx, env, tx, b.Settings(), made)
}

// storedJWTs returns the newest tokens that can be read, and then the tokens of refs that have no row.
func storedJWTs(ctx context.Context, tx *db.Tx, s tokenctl.JWTSettings, refs []*Ref) (list []madeJWT, err error) {
	var stored []db.StoredToken
	if tx.Layout.Outstanding() != nil {
		if stored, err = tx.NewestOutstanding(ctx, newestJWTs); err != nil {
			return nil, err
		}
	}
	for _, r := range refs {
		if len(stored) < newestJWTs && r.jwt != nil && r.jwt.stored == nil {
			stored = append(stored, db.StoredToken{Text: r.jwt.secret})
		}
	}
	for _, t := range stored {
		if isRedacted(t.Text) || isWithheld(t.Text) { // no key made its signature
			continue
		}
		if token, err := django.DecodeUnverified(s, t.Text.Reveal()); err == nil {
			list = append(list, madeJWT{t, token})
		}
	}
	return list, nil
}

// difference is a setting with which new tokens differ from the application's.
type difference struct{ setting, text, hint string }

// wrongClaims compares the claims that the settings would write with those of the
// application's newest token of each type.
func wrongClaims(ctx context.Context, env Env, tx *db.Tx, s tokenctl.JWTSettings, made []madeJWT) error {
	seen := map[string]bool{}
	var found []difference
	note := func(d *difference) {
		if d != nil && !slices.ContainsFunc(found, func(f difference) bool { return f.setting == d.setting }) {
			found = append(found, *d)
		}
	}
	for _, t := range made {
		typ, name := t.typed(s)
		if seen[typ] {
			continue
		}
		seen[typ] = true
		if typ != "" && name != s.TokenTypeClaim {
			note(renamed("token_type_claim", "type", name, s.TokenTypeClaim))
		}
		if name, ok := t.holding(s.JTIClaim, t.StoredToken.JTI); ok && t.StoredToken.JTI != "" {
			note(renamed("jti_claim", "id", name, s.JTIClaim))
		}
		if t.User.ID != "" && t.Claims.Get(s.UserIDClaim) == nil {
			name, _ := t.holding("", t.User.ID)
			note(renamed("user_id_claim", "user's id", name, s.UserIDClaim))
		}
		note(otherIssuer(s, t))
		note(otherAudience(s, t))
	}
	other, err := otherField(ctx, tx, s, made)
	if err != nil {
		return err
	}
	if note(other); found == nil {
		return nil
	}
	e := &tokenctl.Error{Code: tokenctl.CodeWrongClaims}
	var texts, hints []string
	for _, d := range found {
		texts, hints = append(texts, d.text+" ([simplejwt] "+d.setting+")"), append(hints, d.hint)
	}
	e.Message = "the newest tokens that the application made differ from a new one, which it may refuse: " + strings.Join(texts, "; ")
	e.Hint = env.orForce("in tokenctl.toml, under [simplejwt]: " + strings.Join(hints, ", ") + ", if those are the application's settings today")
	return e
}

// typed returns the type of the token, and the claim that has it.
func (t *madeJWT) typed(s tokenctl.JWTSettings) (typ, claim string) {
	if t.Type == refresh || t.Type == sliding {
		return t.Type, s.TokenTypeClaim
	}
	for _, typ := range []string{refresh, sliding} {
		if name, ok := t.holding(s.TokenTypeClaim, typ); ok && name != "" {
			return typ, name
		}
	}
	return "", ""
}

// holding returns the claim that has a value. ok is false if it is the expected claim. name is empty if no claim
// has the value, or if several claims have it.
func (t *madeJWT) holding(expected, value string) (name string, ok bool) {
	if expected != "" && claimText(t.Claims.Get(expected)) == value {
		return "", false
	}
	for _, c := range t.Claims {
		if claimText(c.Value) != value {
			continue
		}
		if name != "" {
			return "", true
		}
		name = c.Name
	}
	return name, true
}

// claimText returns a claim's value as text: a number as it is written, a text without its quotes.
func claimText(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

// renamed returns the difference for a claim that has another name in the application's tokens; theirs is empty if
// the name is not known.
func renamed(setting, what, theirs, ours string) *difference {
	d := &difference{setting: setting, text: "they have no claim " + strconv.Quote(ours) + " with the " + what, hint: "correct " + setting}
	if theirs != "" {
		d.text = "their " + what + " is in the claim " + strconv.Quote(theirs) + ", not in " + strconv.Quote(ours)
		d.hint = setting + " = " + strconv.Quote(theirs)
	}
	return d
}

// filled returns the difference for a claim that has another value in the application's tokens. theirs and ours
// are values as in TOML; empty means that there is no such claim.
func filled(setting, theirs, ours string) *difference {
	switch {
	case theirs == "":
		return &difference{setting, "they have no " + setting + ", a new one would have " + ours, "no " + setting}
	case ours == "":
		ours = "none"
	}
	return &difference{setting, "their " + setting + " is " + theirs + ", that of a new one would be " + ours, setting + " = " + theirs}
}

func otherIssuer(s tokenctl.JWTSettings, t madeJWT) *difference {
	theirs, ours := "", ""
	if value := t.Claims.Get("iss"); value != nil {
		theirs = strconv.Quote(claimText(value))
	}
	if s.Issuer != "" {
		ours = strconv.Quote(s.Issuer)
	}
	if theirs == ours {
		return nil
	}
	return filled("issuer", theirs, ours)
}

// otherAudience returns the difference of the audiences. It compares them as sets, as PyJWT does.
func otherAudience(s tokenctl.JWTSettings, t madeJWT) *difference {
	var theirs []string
	if value := t.Claims.Get("aud"); value != nil && json.Unmarshal(value, &theirs) != nil {
		theirs = []string{claimText(value)}
	}
	ours, _, _ := s.Audiences() // they were checked when the settings were read
	set := func(names []string) string {
		names = slices.Compact(slices.Sorted(slices.Values(names)))
		for i, name := range names {
			names[i] = strconv.Quote(name)
		}
		if len(names) > 1 {
			return "[" + strings.Join(names, ", ") + "]"
		}
		return strings.Join(names, "")
	}
	if set(theirs) == set(ours) {
		return nil
	}
	return filled("audience", set(theirs), set(ours))
}

// otherField returns the difference if the application's tokens name their users by another field than
// USER_ID_FIELD. It reads the newest token of each user: a value such as an e-mail address may have changed since
// older tokens.
func otherField(ctx context.Context, tx *db.Tx, s tokenctl.JWTSettings, made []madeJWT) (*difference, error) {
	var owners []db.User
	var claims []string
	for _, t := range made {
		id := t.Claims.Get(s.UserIDClaim)
		if t.User.ID == "" || id == nil || slices.ContainsFunc(owners, func(u db.User) bool { return u.ID == t.User.ID }) {
			continue
		}
		owners, claims = append(owners, t.User), append(claims, claimText(id))
	}
	if owners == nil {
		return nil, nil
	}
	values, err := tx.JWTUsers(ctx, owners, s)
	if err != nil && tokenctl.CodeOf(err) != tokenctl.CodeInvalidValue { // that is of a user without the field
		return nil, err
	}
	fit, keys, others := 0, 0, 0
	for i, v := range values {
		switch claims[i] {
		case v.ID:
			fit++
		case owners[i].ID:
			keys++
		default:
			if v.ID != "" {
				others++
			}
		}
	}
	switch {
	case fit > keys+others || keys+others == 0:
		return nil, nil
	case keys > others:
		return &difference{"user_id_field", "they name their users by id, not by " + s.UserIDField, `user_id_field = "id"`}, nil
	}
	return &difference{"user_id_field", "they do not name their users by " + s.UserIDField, "correct user_id_field"}, nil
}

func wrongJWTKey(env Env) error {
	return &tokenctl.Error{Code: tokenctl.CodeWrongKey, Message: "the configured key did not sign the tokens that the application made last: it would refuse a new one",
		Hint: env.orForce("configure the application's own SECRET_KEY or SIGNING_KEY, and its algorithm")}
}
