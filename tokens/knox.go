package tokens

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// Knox is django-rest-knox: several tokens a user, stored as digests, with
// expiry.
var Knox = &Kind{
	Name:      "knox",
	Title:     "knox tokens",
	App:       "knox",
	IDForm:    "knox:DIGEST_PREFIX",
	Present:   func(l *db.Layout) bool { return l.Has("knox") },
	LooksLike: looksLikeKnox,
	NeverUsed: knoxNeverUsed,
	lastUse:   knoxLastUse,
	List:      listKnox,
	ByIDs:     knoxByIDs,
	BySecrets: knoxBySecrets,
	CheckMint: func(_ Env, r MintRequest) error { return checkNoClaims("knox tokens", r) },
	CheckRotate: func(env Env, r RotateRequest) error {
		if r.Overlap == 0 || !env.Settings.Knox.AutoRefresh {
			return nil
		}
		return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "knox tokens cannot overlap where AUTO_REFRESH is on: using the old one would move its expiry back",
			Hint: "leave out --overlap, and blacklist the old token when its holder has the new one: tokenctl mint, then tokenctl blacklist"}
	},
	MintBelowLimit: mintKnox,
	AtLimit:        atLimitKnox,
	Limit:          "have as many knox tokens as TOKEN_LIMIT_PER_USER allows",
	Provide:        provideKnox,
	ImportDRF:      importDRF,
	Rotate:         rotateKnox,
	Expire:         expireKnox,
	CheckExpire:    func(Lifetime) error { return nil },
	ExpireNotes:    knoxMoves,
	Ends: func(env Env, now time.Time, _ string, l Lifetime) (time.Time, string) {
		k := env.Settings.Knox
		ttl, _ := k.TokenTTL.Duration()
		why := configured(k.TokenTTL.IsSet(), "knox", "TOKEN_TTL", django.BriefDuration(ttl), "knox")
		if l.By != BySettings {
			why = l.why()
		}
		return knoxEnd(env, now, l), why
	},
	deleteRows: func(ctx context.Context, _ Env, tx *db.Tx, refs []db.Ref) (db.Outcomes, error) {
		return tx.DeleteKnoxTokens(ctx, refs)
	},
	BlacklistWhere: func(ctx context.Context, tx *db.Tx, s *Selector) (int64, error) {
		if len(s.Types) > 0 {
			return 0, nil
		}
		return tx.DeleteKnoxTokensWhere(ctx, s.filter())
	},
	Exact: func(_ Env, s *Selector) bool { return !s.Orphans },
	Purgeable: func(ctx context.Context, _ Env, s *db.Store, r PurgeRequest) iter.Seq2[db.Ref, error] {
		return s.ExpiredKnox(ctx, r.Before, r.UserIDs)
	},
	idOf:      func(r *db.Ref) string { return knoxID(r.Key.Reveal()) },
	lockOrder: byKey,
	Header: func(s *tokenctl.Settings, secret tokenctl.Secret) string {
		return "Authorization: " + s.Knox.HeaderPrefix() + " " + secret.Reveal()
	},
	AuthType:       func(s *tokenctl.Settings, _ *Credential) string { return s.Knox.HeaderPrefix() },
	Describe:       describeKnox,
	CheckRotatable: (*db.Layout).KnoxRotatable,
	OrderOfID:      true,
}

const (
	knoxSecretLength = 64 // AUTH_TOKEN_CHARACTER_LENGTH's default
	knoxPrefixLength = 10 // CONSTANTS.MAXIMUM_TOKEN_PREFIX_LENGTH
	knoxIDLength     = db.KnoxIDLength
)

// looksLikeKnox reports whether text is 64 hexadecimal characters, perhaps behind a prefix. With a colon it is an
// id, whose last part is a digest.
func looksLikeKnox(text string) bool {
	prefix := len(text) - knoxSecretLength
	return 0 <= prefix && prefix <= knoxPrefixLength && isHex(text[prefix:]) && !strings.Contains(text[:prefix], ":")
}

func knoxID(digest string) string { return "knox:" + digest[:min(knoxIDLength, len(digest))] }

// KnoxCredential returns the credential of a row of knox.
func KnoxCredential(t db.KnoxToken) Credential {
	c := Credential{Kind: "knox", ID: knoxID(t.Digest), Owner: t.User, Status: Status(t.Status), Created: t.Created, Expires: t.Expires, BadValues: t.BadValues, row: t.Ref()}
	c.judgeBadValues(c.BadValues, c.Owner.BadValues)
	c.death = knoxDeath
	return c
}

// knoxDeath is the reason why a token with an older form of digest is dead.
const knoxDeath = "knox before 5.0 made the row, in another way than the application's knox finds tokens: no token verifies against it again"

func listKnox(ctx context.Context, _ Env, store *db.Store, s Selector) iter.Seq2[Credential, error] {
	if len(s.Types) > 0 {
		return func(func(Credential, error) bool) {}
	}
	f := s.filter()
	f.Detailed, f.Rights = s.Detailed, s.Rights && !s.Detailed
	if s.Orphans {
		f.Statuses, f.Limit = nil, 0 // the database does not know that they are dead
	}
	all := credentials(ctx, func(ctx context.Context) iter.Seq2[db.KnoxToken, error] { return store.KnoxTokens(ctx, f) }, func(t *db.KnoxToken) Credential {
		if t.Orphan {
			return ofNobody(KnoxCredential(*t))
		}
		return KnoxCredential(*t)
	})
	if !s.Orphans {
		return all
	}
	return func(yield func(Credential, error) bool) {
		for c, err := range all {
			if (err != nil || s.wants(c.Status)) && !yield(c, err) {
				return
			}
		}
	}
}

func knoxByIDs(ctx context.Context, env Env, tx *db.Tx, ids []string) ([]Found, error) {
	prefixes := make([]string, len(ids))
	for i, id := range ids {
		prefixes[i] = strings.ToLower(id)
		if len(id) < knoxIDLength || !isHex(prefixes[i]) {
			// The id is not repeated: it may be a secret.
			return nil, &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "the id of a knox token is knox: and the first 16 characters of its digest, in hexadecimal, or more of them",
				Hint: "tokenctl list --kind knox shows the ids"}
		}
	}
	rows, err := tx.KnoxTokensFrom(ctx, prefixes)
	if err != nil {
		return nil, err
	}
	found := make([]Found, len(ids))
	for i, list := range rows {
		switch {
		case len(list) == 0:
			// Of more than an id's length no more is repeated, for the same reason.
			found[i].Err = notFound(knoxID(prefixes[i]))
		case len(list) > 1:
			found[i].Err = &tokenctl.Error{Code: tokenctl.CodeAmbiguousID, Message: knoxID(prefixes[i]) + " fits more than one knox token",
				Hint: "give more of the digest, of which the table has 128 characters"}
		default:
			found[i].Credentials = []*Credential{foundKnox(env, tx, &list[0])}
		}
	}
	return found, nil
}

// knoxBySecrets finds rows as knox does: by the first characters of a secret, then by its digest. If a table does
// not have the first characters, it finds rows by digest alone. A row that only an older release of knox would
// find is dead.
func knoxBySecrets(ctx context.Context, env Env, tx *db.Tx, secrets []tokenctl.Secret) ([]*Credential, error) {
	schemes, told := tx.Layout.KnoxSchemes()
	told = told && !tx.Layout.Knox().Masked() // whose view does not show the first characters
	start := func(s django.KnoxScheme, secret tokenctl.Secret) string { return s.TokenKey(secret) }
	find, keyOf := tx.KnoxTokensKeyed, func(t *db.KnoxToken) string { return t.TokenKey }
	if !told {
		start = func(s django.KnoxScheme, secret tokenctl.Secret) string {
			row, _ := s.Row(env.Settings.Knox, secret, "") // an error is about a text that is no token
			return row.Digest
		}
		find, keyOf = tx.KnoxTokensWithDigests, func(t *db.KnoxToken) string { return t.Digest }
	}
	keys := make([]string, 0, len(schemes)*len(secrets))
	for _, s := range schemes {
		for _, secret := range secrets {
			keys = append(keys, start(s, secret))
		}
	}
	rows, err := find(ctx, keys)
	if err != nil {
		return nil, err
	}
	keyed := map[string][]*db.KnoxToken{}
	for i := range rows {
		keyed[keyOf(&rows[i])] = append(keyed[keyOf(&rows[i])], &rows[i])
	}
	found := make([]*Credential, len(secrets))
	for i, secret := range secrets {
		for j, s := range schemes {
			candidates := keyed[start(s, secret)]
			if unkeyed := keyed[""]; unkeyed != nil {
				candidates = slices.Concat(candidates, unkeyed) // knox before 2.2 kept no first characters
			}
			k := slices.IndexFunc(candidates, func(t *db.KnoxToken) bool { return s.Verify(env.Settings.Knox, secret, t.Digest, t.Salt) })
			if k < 0 {
				continue
			}
			found[i] = foundKnox(env, tx, candidates[k])
			if told && j > 0 && found[i].Status != Expired {
				found[i].Status = Dead
			}
			break
		}
	}
	return found, nil
}

// foundKnox returns the credential of a row that was looked up, with its notes.
func foundKnox(env Env, tx *db.Tx, t *db.KnoxToken) *Credential {
	c := KnoxCredential(*t)
	c.Used, c.Notes = knoxUsed(env, &c), knoxNotes(env, tx, *t)
	return &c
}

// knoxNotes returns what show says about a token besides its dates.
func knoxNotes(env Env, tx *db.Tx, t db.KnoxToken) []string {
	var notes []string
	k := env.Settings.Knox
	expired := django.KnoxExpired(knoxExpiry(t.Expires), tx.Now)
	switch {
	case t.User.Active():
	case t.Old, expired:
		notes = append(notes, "the owner is inactive")
	default:
		notes = append(notes, "the owner is inactive; the token works again when the owner is activated")
	}
	switch {
	case t.Old:
		return append(notes, knoxDeath)
	case expired:
		return append(notes, "knox deletes the row when a token of the owner is used next; tokenctl purge does it now")
	}
	if sample, err := django.KnoxText.Row(k, tokenctl.NewSecret(strings.Repeat("0", knoxSecretLength)), ""); err == nil && len(sample.Digest) != len(t.Digest) {
		notes = append(notes, "the digest is not one of "+cmp.Or(k.SecureHashAlgorithm, byDefault("hashlib.sha512", "knox"))+": the token verifies only where the application's SECURE_HASH_ALGORITHM made it")
	}
	if !k.AutoRefresh || t.Expires.IsZero() {
		return notes
	}
	if renewed, write := django.KnoxRefreshed(k, t.Created, &t.Expires, tx.Now); write {
		note := "AUTO_REFRESH is on: used now, the token would be renewed to " + renewed.UTC().Format(time.RFC3339)
		if ttl, _ := k.TokenTTL.Duration(); !k.TokenTTL.IsSet() {
			note += " (" + byDefault("TOKEN_TTL "+django.BriefDuration(ttl), "knox") + ")"
		}
		return append(notes, note)
	}
	return append(notes, "AUTO_REFRESH is on, but used now, the token would keep its expiry")
}

// knoxExpiry returns an end as package django has it: nil means never.
func knoxExpiry(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// atLimitKnox returns the users who have as many tokens as TOKEN_LIMIT_PER_USER allows.
func atLimitKnox(ctx context.Context, env Env, tx *db.Tx, users []db.User) ([]UserAtLimit, error) {
	k := env.Settings.Knox
	if k.TokenLimitPerUser == nil {
		return nil, nil
	}
	rows, err := tx.KnoxTokensOf(ctx, users...)
	if err != nil {
		return nil, err
	}
	ids := map[string][]string{}
	for _, t := range rows {
		if django.KnoxCountsTowardsLimit(knoxExpiry(t.Expires), tx.Now) {
			ids[t.User.ID] = append(ids[t.User.ID], knoxID(t.Digest))
		}
	}
	var atLimit []UserAtLimit
	for _, u := range users {
		if held := ids[u.ID]; django.KnoxLimitReached(k, len(held)) {
			atLimit = append(atLimit, UserAtLimit{u, knoxFull(u, held, *k.TokenLimitPerUser)})
		}
	}
	return atLimit, nil
}

func knoxFull(u db.User, ids []string, limit int) *tokenctl.Error {
	e := &tokenctl.Error{Code: tokenctl.CodeTokenExists, Message: fmt.Sprintf("%s has %d knox tokens, and TOKEN_LIMIT_PER_USER is %d", u.Username, len(ids), limit)}
	if ids != nil {
		e.Hint = "rotate or blacklist one of " + firstFive(ids)
	}
	return e
}
