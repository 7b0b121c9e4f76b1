package tokens

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"slices"
	"strconv"
	"strings"

	"tokenctl"
	"tokenctl/db"
)

// DRF is rest_framework.authtoken: one token a user, stored in clear, without
// expiry.
var DRF = &Kind{
	Name:    "drf",
	Title:   "drf tokens",
	App:     "rest_framework.authtoken",
	IDForm:  "drf:USER_ID@FINGERPRINT",
	Present: func(l *db.Layout) bool { return l.Has("drf") },
	LooksLike: func(text string) bool {
		return len(text) == keyLength && isHex(text)
	},
	OwnKey:    &KeyShape{keyLength, hexDigits},
	List:      listDRF,
	ByIDs:     drfByIDs,
	BySecrets: drfBySecrets,
	CheckMint: func(_ Env, r MintRequest) error {
		if err := checkNoClaims("drf tokens", r); err != nil {
			return err
		}
		return checkNoLifetime("drf tokens", r.Lifetime)
	},
	CheckRotate: func(_ Env, r RotateRequest) error {
		if err := checkNoOverlap("drf tokens", r); err != nil {
			return err
		}
		if r.Lifetime.By == Kept { // keeping no expiry is what happens anyway
			return nil
		}
		return checkNoLifetime("drf tokens", r.Lifetime)
	},
	MintBelowLimit: mintDRF,
	AtLimit:        atLimitDRF,
	Limit:          "already have a drf token",
	Rotate:         rotateDRF,
	Provide:        provideDRF,
	deleteRows: func(ctx context.Context, _ Env, tx *db.Tx, refs []db.Ref) (db.Outcomes, error) {
		return tx.DeleteTokens(ctx, refs)
	},
	BlacklistWhere: func(ctx context.Context, tx *db.Tx, s *Selector) (int64, error) {
		f, some := drfFilter(s)
		if !some {
			return 0, nil
		}
		return tx.DeleteTokensWhere(ctx, f)
	},
	Exact:     func(_ Env, s *Selector) bool { return !s.Orphans },
	Remains:   drfRemains,
	idOf:      func(r *db.Ref) string { return drfID(r.Owner, r.Key) },
	lockOrder: byOwner,
	Header: func(s *tokenctl.Settings, secret tokenctl.Secret) string {
		return "Authorization: " + s.TokenKeyword() + " " + secret.Reveal()
	},
	AuthType: func(s *tokenctl.Settings, _ *Credential) string { return s.TokenKeyword() },
	OwnersWithPrefix: func(ctx context.Context, store *db.Store, text string, limit int) ([]string, error) {
		if owner, _, whole := strings.Cut(text, "@"); whole {
			return []string{owner}, nil
		}
		return store.TokenOwners(ctx, text, limit)
	},
}

// keyLength is the length of a key that Token.generate_key makes. A token model of the project's own may make keys
// of another length.
const keyLength = 40

const hexDigits = "0123456789abcdef"

func isHex(s string) bool { return strings.Trim(s, hexDigits) == "" }

// fingerprint identifies a secret without revealing it.
func fingerprint(secret tokenctl.Secret) string { return string(appendFingerprint(nil, secret)) }

func appendFingerprint(dst []byte, secret tokenctl.Secret) []byte {
	if hash, _, masked := db.HashOf(secret); masked {
		return append(dst, hash[:8]...)
	}
	var text [2 * keyLength]byte // enough not to be allocated
	sum := sha256.Sum256(append(text[:0], secret.Reveal()...))
	return hex.AppendEncode(dst, sum[:4])
}

func drfID(owner string, key tokenctl.Secret) string {
	id := append(append(append(make([]byte, 0, 64), "drf:"...), owner...), '@')
	return string(appendFingerprint(id, key))
}

func drfCredential(t *db.Token) Credential {
	c := Credential{Kind: "drf", ID: drfID(t.User.ID, t.Key), Owner: t.User, Status: Active,
		Created: t.Created, BadValues: t.BadValues, secret: t.Key, masked: t.Masked, row: t.Ref()}
	c.judgeBadValues(c.BadValues, c.Owner.BadValues)
	if !t.User.Active() {
		c.Status = Disabled
	}
	return c
}

// ofNobody returns the credential as an orphan, which is dead: the application does not find its user.
func ofNobody(c Credential) Credential {
	c.orphan = true
	if c.Status != Expired {
		c.Status, c.death = Dead, "its user is gone"
	}
	return c
}

// drfFilter returns the filter for a selector. some is false if the selector selects no drf token.
func drfFilter(s *Selector) (f db.Filter, some bool) {
	if s.Orphans {
		return s.filter(), len(s.Types) == 0 && s.ExpiresBefore == nil && s.wants(Dead)
	}
	// A drf token never expires: no date is after its expiry.
	if len(s.Types) > 0 || s.ExpiresBefore != nil || !s.wants(Active) && !s.wants(Disabled) {
		return f, false
	}
	f = s.filter()
	if s.wants(Active) != s.wants(Disabled) {
		active := s.wants(Active)
		if f.Active != nil && *f.Active != active {
			return f, false
		}
		f.Active = &active
	}
	return f, true
}

func listDRF(ctx context.Context, _ Env, store *db.Store, s Selector) iter.Seq2[Credential, error] {
	f, some := drfFilter(&s)
	if !some {
		return func(func(Credential, error) bool) {}
	}
	f.Detailed, f.Rights = s.Detailed, s.Rights && !s.Detailed
	return credentials(ctx, func(ctx context.Context) iter.Seq2[db.Token, error] { return store.Tokens(ctx, f) }, func(t *db.Token) Credential {
		if t.Orphan {
			return ofNobody(drfCredential(t))
		}
		return drfCredential(t)
	})
}

// drfByIDs finds tokens by their owners and fingerprints. An id without a fingerprint means the only token of the
// owner.
func drfByIDs(ctx context.Context, _ Env, tx *db.Tx, ids []string) ([]Found, error) {
	owners := make([]string, len(ids))
	for i, id := range ids {
		owners[i], _, _ = strings.Cut(id, "@")
	}
	rows, err := tx.TokensOf(ctx, owners)
	if err != nil {
		return nil, err
	}
	held := map[string][]Credential{}
	for i := range rows {
		owner := rows[i].User.ID
		held[owner] = append(held[owner], *foundDRF(&rows[i]))
	}
	found := make([]Found, len(ids))
	for i, id := range ids {
		owner, print, exact := strings.Cut(id, "@")
		list := held[tx.Layout.OwnerKey("drf", owner)]
		switch j := slices.IndexFunc(list, func(c Credential) bool { return fingerprint(c.secret) == strings.ToLower(print) }); {
		case len(list) == 0 || exact && j < 0 && len(list) > 1:
			found[i].Err = notFound("drf:" + id)
		case exact && j < 0:
			found[i].Err = &tokenctl.Error{Code: tokenctl.CodeChanged, Message: "drf:" + id + " was replaced: it is " + list[0].ID + " now",
				Hint: "act on the new id, or on drf:" + owner + " whatever its key is"}
		case !exact && len(list) > 1:
			theirs := tokenctl.Mapped(list, func(c Credential) string { return c.ID })
			found[i].Err = &tokenctl.Error{Code: tokenctl.CodeAmbiguousID, Message: "drf:" + id + " fits " + strconv.Itoa(len(list)) + " tokens: " + firstFive(theirs),
				Hint: "give the whole id of one of them"}
		default:
			found[i].Credentials = []*Credential{&list[max(j, 0)]}
		}
	}
	return found, nil
}

// firstFive joins at most five ids.
func firstFive(ids []string) string {
	if len(ids) > 5 {
		ids = append(slices.Clone(ids[:5]), "…")
	}
	return strings.Join(ids, ", ")
}

// drfBySecrets finds tokens by their secrets, with one query. The results are in the order of the secrets; nil
// means that no token has the secret.
func drfBySecrets(ctx context.Context, _ Env, tx *db.Tx, secrets []tokenctl.Secret) ([]*Credential, error) {
	rows, err := tx.TokensWithKeys(ctx, secrets)
	if err != nil {
		return nil, err
	}
	found := make([]*Credential, len(rows))
	for i, t := range rows {
		if t != nil {
			found[i] = foundDRF(t)
		}
	}
	return found, nil
}

// foundDRF returns the credential of a row that was looked up, with its notes.
func foundDRF(t *db.Token) *Credential {
	c := drfCredential(t)
	if c.Status == Disabled {
		c.Notes = []string{"the owner is inactive; the token works again when the owner is activated"}
	}
	return &c
}

// drfRemains returns a note for each owner who can get a new token by a login: obtain_auth_token makes a token for
// a user who has none.
func drfRemains(ctx context.Context, _ Env, tx *db.Tx, refs []*Ref, _ bool) (notes []string, err error) {
	ids := tokenctl.Mapped(refs, func(r *Ref) string { return r.owner.ID })
	t := tx.Layout.AuthToken().Owner
	found, err := tx.OwnersWithIDs(ctx, t, ids)
	if err != nil {
		return nil, err
	}
	for _, u := range found {
		if u.Active() && u.HasUsablePassword() {
			note := userName(&u) + " has a usable password and can get a new token from obtain_auth_token where the application offers it"
			if way := cmp.Or(lockOut(tx.Layout, t, &u), withoutPassword(tx.Layout, t, &u)); way != "" {
				note += "; " + way + " prevents that"
			}
			notes = append(notes, note)
		}
	}
	return notes, nil
}
