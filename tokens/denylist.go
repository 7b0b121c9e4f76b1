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

// Denylist is the application's list of void JWTs. An entry makes one access token void by its id, or all
// JWTs that a user got up to a time. A transaction changes the denylist directly before its commit, after
// every statement that can fail in the database.
type Denylist struct {
	cache.Denylist
	Keep time.Duration // the shortest lifetime of a user's entry
	Now  tokenctl.Clock
	// KeepGoing gives access tokens an outcome, and the command no error, if the denylist does not answer.
	KeepGoing bool
	// Announce is called before entries are written or removed. text says which entries remain changed if the
	// transaction is not committed. It is called so early because the process may end in the middle of the
	// change, when the functions of [engine.Tx.AtEnd] no longer run. It may be nil.
	Announce func(text string)
}

// mostIDs is the largest number of ids of entries that a message names.
const mostIDs = 20

// voidLater is the entry of a user that the transaction writes directly before its commit.
type voidLater struct {
	id   string
	last time.Time // the latest end of the user's stored tokens; zero: the user has none
}

// denyTokens writes the entries of access tokens directly before the commit. An expired token needs no
// entry.
func denyTokens(ctx context.Context, env Env, tx *db.Tx, refs []*Ref) db.Outcomes {
	d := env.Denylist
	outcomes := db.Outcomes{}
	leeway := jwtSettings(env).Leeway.Duration
	var list []cache.Denial
	for i, r := range refs {
		end := fromMicros(r.expires)
		switch {
		case r.form.status == Blacklisted:
			outcomes[i] = db.Already
			continue
		case !end.Add(leeway).After(tx.Now):
			outcomes[i] = lapsed
			continue
		}
		list = append(list, cache.Denial{ID: cache.TokenID(r.row.Key.Reveal()), Time: end, Lives: end.Add(leeway).Sub(tx.Now)})
	}
	if list == nil {
		return outcomes
	}
	if err := d.reached(ctx); err != nil {
		for i := range refs {
			if outcomes[i] == db.Changed {
				outcomes[i] = undenied
			}
		}
		return outcomes
	}
	tx.BeforeCommit(func(ctx context.Context) error { return d.write(ctx, list) })
	return outcomes
}

// reached pings the denylist if KeepGoing is set, and returns the error. Without KeepGoing it returns nil:
// write pings the denylist before the commit.
func (d *Denylist) reached(ctx context.Context) error {
	if !d.KeepGoing {
		return nil
	}
	return d.Ping(ctx)
}

// write writes entries. It pings the server first: if the ping fails, no entry was written, and nothing is
// announced.
func (d *Denylist) write(ctx context.Context, list []cache.Denial) error {
	if err := d.Ping(ctx); err != nil {
		return err
	}
	ids := tokenctl.Mapped(list, func(e cache.Denial) string { return e.ID })
	d.announce("in the denylist these entries stand, or may stand: "+firstIDs(ids)+"; they end by themselves, and to remove them: ", ids)
	return d.Write(ctx, list)
}

// announce calls Announce with text and the command that removes the entries.
func (d *Denylist) announce(text string, ids []string) {
	if d.Announce == nil {
		return
	}
	command := "tokenctl denylist remove " + strings.Join(ids, " ")
	if len(ids) > mostIDs {
		command = "tokenctl denylist remove - with their ids, as tokenctl denylist list -o id prints them"
	}
	d.Announce(text + command)
}

// firstIDs lists the first ids, and the number of the others.
func firstIDs(ids []string) string {
	if len(ids) <= mostIDs {
		return strings.Join(ids, ", ")
	}
	return strings.Join(ids[:mostIDs], ", ") + fmt.Sprintf(" and %d more", len(ids)-mostIDs)
}

// Remove removes entries directly before the commit of a transaction.
func (d *Denylist) Remove(tx *db.Tx, ids []string) {
	if len(ids) == 0 {
		return
	}
	tx.BeforeCommit(func(ctx context.Context) error {
		if err := d.Ping(ctx); err != nil {
			return err
		}
		if d.Announce != nil {
			d.Announce("these entries of the denylist are gone, or may be: " + firstIDs(ids) + "; look with tokenctl denylist list")
		}
		_, err := d.Denylist.Remove(ctx, ids)
		return err
	})
}

// now returns the later time of two clocks: the clock of the database server and the clock of this machine.
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

// Voided is a user with the entry that makes the user's JWTs void.
type Voided struct {
	User db.User
	ID   string // the id of the entry
}

// voidJWTs writes an entry for each user. It makes all JWTs void that the user got up to the commit, also
// the JWTs without a row. refs are some of the users' tokens; it may be nil. The entry lives as long as any
// of these JWTs can live.
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
	if refs != nil { // in rows of an old simplejwt only the token names the owner: LastJWTExpiry misses them
		for r := range refs.All() {
			if end := fromMicros(r.expires); r.form.kind.Name == "jwt" && end.After(last[r.owner.ID]) {
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
		return d.write(ctx, tokenctl.Mapped(later, func(v voidLater) cache.Denial {
			return cache.Denial{ID: v.id, Time: now, Lives: max(keep, v.last.Sub(now)) + s.Leeway.Duration}
		}))
	})
	return voided, nil
}

// Denied returns for each access or sliding token the id of the entry that makes it void, or "" if no
// entry does so.
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
		// If the entry's value or the token's iat cannot be read, the token is void, as in docs/recipes.md.
		case byUser != nil && (byUser.Time.IsZero() || issued.IsZero() || !issued.Truncate(time.Second).After(byUser.Time)):
			by[i] = byUser.ID
		}
	}
	return by, nil
}

// userValue returns the user id claim as Python's str() writes it, or "" if the token has no such claim.
func userValue(s tokenctl.JWTSettings, token *django.JWT) string {
	claim := token.Claims.Get(s.ClaimNames().User)
	if len(claim) == 0 {
		return ""
	}
	return django.ClaimText(claim)
}

// askDenylist gives void tokens the status blacklisted. list and rows are in the same order. If the denylist
// does not answer, the tokens become undecided: the application may accept or refuse them.
func askDenylist(ctx context.Context, env Env, list []*Credential, rows []*jwtRow) {
	if env.Denylist == nil {
		return
	}
	var asked []*Credential
	var read []*django.JWT
	for i, c := range list {
		carries := c != nil && (c.Type == access || c.Type == sliding) // the application looks up only these types
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

// deniedByID returns access tokens by their jtis, in the order of the jtis. It reads them from their entries,
// and returns nil for a jti without an entry.
func deniedByID(ctx context.Context, env Env, jtis []string) ([]*Credential, error) {
	found := make([]*Credential, len(jtis))
	if env.Denylist == nil || len(jtis) == 0 {
		return found, nil
	}
	entries, err := env.Denylist.Find(ctx, tokenctl.Mapped(jtis, cache.TokenID))
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

// DeniedBy returns the id of the entry that makes the token void, or "" if no entry does. The error is the
// reason why the denylist did not answer.
func (c *Credential) DeniedBy() (id string, err error) {
	if c.Of().Void == nil {
		return "", nil
	}
	return c.deniedBy, c.undecided
}
