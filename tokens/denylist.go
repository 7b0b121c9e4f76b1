package tokens

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/cache"
	"tokenctl/db"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// Denylist is the application's list of JWTs that are void although no row says so: access
// tokens by their ids, and all that users got up to a moment. What a transaction does to it is
// done just before the commit, behind everything that can fail in the database.
type Denylist struct {
	cache.Denylist
	Keep time.Duration // how long a user's entry lives at least
	Now  tokenctl.Clock
	// KeepGoing leaves JWTs alone, as an outcome, while the denylist cannot be asked.
	KeepGoing bool
	// Changing is told before entries are written or removed what stands of them if the
	// transaction is not committed; nil: nobody asks.
	Changing func(text string)
}

// undenied is the outcome of an access token that lives on because the denylist cannot be asked.
const undenied db.Outcome = 253

// mostNamed is how many entries a message names.
const mostNamed = 20

// voidLater are the JWTs of users that are to be void from the moment of the commit on.
type voidLater struct {
	id   string
	last time.Time // when the last of the user's stored tokens ends; zero: there is none
}

// denyTokens writes the entries of access tokens when everything else is done. An expired one
// needs none.
func denyTokens(ctx context.Context, env Env, tx *db.Tx, refs []*Ref) db.Outcomes {
	d := env.Denylist
	left := db.Outcomes{}
	leeway := jwtSettings(env).Leeway.Duration
	var list []cache.Denial
	for i, r := range refs {
		end := unixMicro(r.expires)
		switch {
		case r.form.status == Blacklisted:
			left[i] = db.Already
			continue
		case !end.Add(leeway).After(tx.Now):
			left[i] = lapsed
			continue
		}
		list = append(list, cache.Denial{ID: cache.TokenID(r.row.Key.Reveal()), Time: end, Lives: end.Add(leeway).Sub(tx.Now)})
	}
	if list == nil {
		return left
	}
	if err := d.reached(ctx); err != nil {
		for i := range refs {
			if left[i] == 0 {
				left[i] = undenied
			}
		}
		return left
	}
	tx.BeforeCommit(func(ctx context.Context) error { return d.write(ctx, list) })
	return left
}

// reached is why the denylist cannot be asked, if that is an outcome and no error.
func (d *Denylist) reached(ctx context.Context) error {
	if !d.KeepGoing {
		return nil
	}
	return d.Ping(ctx)
}

// write writes entries. A ping before it tells a server that is not there, on which nothing
// can stand, from one that goes away meanwhile.
func (d *Denylist) write(ctx context.Context, list []cache.Denial) error {
	if err := d.Ping(ctx); err != nil {
		return err
	}
	ids := make([]string, len(list))
	for i, e := range list {
		ids[i] = e.ID
	}
	d.changing("in the denylist these entries stand, or may stand: "+named(ids)+"; they end by themselves, and to remove them: ", ids)
	return d.Write(ctx, list)
}

func (d *Denylist) changing(text string, ids []string) {
	if d.Changing == nil {
		return
	}
	command := "tokenctl denylist remove " + strings.Join(ids, " ")
	if len(ids) > mostNamed {
		command = "tokenctl denylist remove - with their ids, as tokenctl denylist list -o id prints them"
	}
	d.Changing(text + command)
}

// named lists ids, the first of many.
func named(ids []string) string {
	if len(ids) <= mostNamed {
		return strings.Join(ids, ", ")
	}
	return strings.Join(ids[:mostNamed], ", ") + fmt.Sprintf(" and %d more", len(ids)-mostNamed)
}

// Remove removes entries just before the commit of a transaction.
func (d *Denylist) Remove(tx *db.Tx, ids []string) {
	if len(ids) == 0 {
		return
	}
	tx.BeforeCommit(func(ctx context.Context) error {
		if err := d.Ping(ctx); err != nil {
			return err
		}
		if d.Changing != nil {
			d.Changing("these entries of the denylist are gone, or may be: " + named(ids) + "; look with tokenctl denylist list")
		}
		_, err := d.Denylist.Remove(ctx, ids)
		return err
	})
}

// now is the later of the database's clock and ours.
func (d *Denylist) now(ctx context.Context, tx *db.Tx) (time.Time, error) {
	now := d.Now()
	if tx.Engine == engine.SQLite {
		return now, nil
	}
	there, err := tx.Clock(ctx)
	if there.After(now) {
		now = there
	}
	return now, err
}

// Voided is the entry that makes the JWTs of a user void.
type Voided struct {
	User db.User
	ID   string // of the entry
}

// voidJWTs writes that all JWTs of users are void that were issued up to the commit, also
// those that no row knows. refs are some of the users' tokens; nil: none. The entry lives as
// long as any of them can.
func voidJWTs(ctx context.Context, env Env, tx *db.Tx, users []db.User, refs *Refs) ([]Voided, error) {
	d, s := env.Denylist, jwtSettings(env)
	if err := d.reached(ctx); err != nil {
		return nil, err
	}
	values, err := tx.JWTUsers(ctx, users, s)
	if err != nil {
		return nil, err
	}
	last, err := tx.LastJWTExpiry(ctx, users)
	if err != nil {
		return nil, err
	}
	if refs != nil { // old releases of simplejwt name the owner of a row only inside the token
		for r := range refs.All() {
			if end := unixMicro(r.expires); r.form.kind.Name == "jwt" && end.After(last[r.owner.ID]) {
				last[r.owner.ID] = end
			}
		}
	}
	voided, later := make([]Voided, len(users)), make([]voidLater, len(users))
	for i, u := range users {
		voided[i] = Voided{u, cache.UserID(values[i].ID)}
		later[i] = voidLater{voided[i].ID, last[u.ID]}
	}
	keep := max(d.Keep, s.AccessTokenLifetime.Duration, s.RefreshTokenLifetime.Duration, s.SlidingTokenLifetime.Duration, s.SlidingTokenRefreshLifetime.Duration)
	tx.BeforeCommit(func(ctx context.Context) error {
		now, err := d.now(ctx, tx)
		if err != nil {
			return err
		}
		list := make([]cache.Denial, len(later))
		for i, v := range later {
			list[i] = cache.Denial{ID: v.id, Time: now, Lives: max(keep, v.last.Sub(now)) + s.Leeway.Duration}
		}
		return d.write(ctx, list)
	})
	return voided, nil
}

// Denied returns for each access or sliding token the id of the entry by which it is void;
// empty where none is.
func (d *Denylist) Denied(ctx context.Context, s tokenctl.JWTSettings, list []*django.JWT) ([]string, error) {
	var ids []string
	for _, token := range list {
		ids = append(ids, cache.TokenID(token.JTI), cache.UserID(userValue(s, token)))
	}
	entries, err := d.Find(ctx, ids)
	if err != nil {
		return nil, err
	}
	by := make([]string, len(list))
	for i, token := range list {
		byID, byUser := entries[2*i], entries[2*i+1]
		switch issued := token.IssuedAt; {
		case byID != nil:
			by[i] = byID.ID
		// What cannot be read denies.
		case byUser != nil && (byUser.Time.IsZero() || issued.IsZero() || !issued.Truncate(time.Second).After(byUser.Time)):
			by[i] = byUser.ID
		}
	}
	return by, nil
}

// userValue is the user id claim as Python's str() writes it; empty where there is none.
func userValue(s tokenctl.JWTSettings, token *django.JWT) string {
	claim := token.Claims.Get(s.ClaimNames().User)
	if len(claim) == 0 {
		return ""
	}
	return django.ClaimText(claim)
}

// askDenylist makes those of the tokens blacklisted that are void. c and rows are in the same
// order. Where the denylist cannot be asked, nobody knows whether the application accepts them.
func askDenylist(ctx context.Context, env Env, list []*Credential, rows []*jwtRow) {
	if env.Denylist == nil {
		return
	}
	var asked []*Credential
	var read []*django.JWT
	for i, c := range list {
		carries := c != nil && (c.Type == access || c.Type == sliding) // the application asks of these alone
		if carries && c.Signature != signatureBad && (c.Status == Active || c.Status == Disabled) {
			asked, read = append(asked, c), append(read, rows[i].token)
		}
	}
	if asked == nil {
		return
	}
	by, err := env.Denylist.Denied(ctx, jwtSettings(env), read)
	for i, c := range asked {
		switch {
		case err != nil:
			c.undecided = err
		case by[i] != "":
			c.Status, c.Reason, c.deniedBy = Blacklisted, "", by[i]
			c.Notes = append(c.Notes, "it is void by the entry "+by[i]+" of the denylist")
		}
	}
}

// deniedByID are access tokens that nothing but the denylist knows, by their jtis; nil for one
// that is not there.
func deniedByID(ctx context.Context, env Env, jtis []string) ([]*Credential, error) {
	found := make([]*Credential, len(jtis))
	if env.Denylist == nil || len(jtis) == 0 {
		return found, nil
	}
	ids := make([]string, len(jtis))
	for i, jti := range jtis {
		ids[i] = cache.TokenID(jti)
	}
	entries, err := env.Denylist.Find(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i, e := range entries {
		if e != nil {
			found[i] = &Credential{Kind: "jwt", Type: access, ID: jwtID(jtis[i]), Status: Blacklisted, Expires: e.Time,
				deniedBy: e.ID, row: db.Ref{Key: tokenctl.NewSecret(jtis[i])}, Notes: []string{"only its entry in the denylist is known: an access token has no row"}}
		}
	}
	return found, nil
}

// DeniedBy is the id of the entry of the denylist by which the token is void; empty where none
// is. The error says why the denylist could not be asked.
func (c *Credential) DeniedBy() (id string, err error) {
	if c.Of().Void == nil {
		return "", nil
	}
	return c.deniedBy, c.undecided
}
