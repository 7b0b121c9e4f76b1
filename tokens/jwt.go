package tokens

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// JWT is djangorestframework-simplejwt with its token_blacklist app: signed
// tokens, of which the refresh and sliding ones are recorded.
var JWT = &Kind{
	Name:       "jwt",
	Title:      "jwt tokens",
	App:        "rest_framework_simplejwt.token_blacklist",
	IDForm:     "jwt:JTI",
	Tableless:  true,
	ForeignIDs: true,
	Present:    func(l *db.Layout) bool { return l.Has("jwt") },
	LooksLike: func(text string) bool {
		// A compact JWS starts with the encoding of {" (RFC 7519 section 3.1).
		return strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") == 2
	},
	NeverUsed:    jwtNeverUsed,
	lastUse:      jwtLastUse,
	Revivable:    jwtRevivable,
	Whole:        jwtWhole,
	Redact:       redactJWT,
	Newest:       newestJWT,
	Lost:         lostBlacklistings,
	ListsOrphans: true,
	List:         listJWT,
	ByIDs:        jwtByIDs,
	BySecrets:    jwtBySecrets,
	Cannot:       jwtCannot,
	CheckMint:    checkMintJWT,
	CheckRotate:  checkRotateJWT,
	CheckApplication: func(ctx context.Context, env Env, tx *db.Tx, force bool, refs []*Ref) (int, error) {
		b, err := signingBackend(ctx, env, tx, force, refs)
		if b == nil {
			return 0, err
		}
		return b.compared, err
	},
	MintBelowLimit: mintJWT,
	Rotate:         rotateJWT,
	Ends:           jwtEnd,
	BlacklistWhere: func(ctx context.Context, tx *db.Tx, _ *Selector) (int64, error) {
		return tx.BlacklistAllTokens(ctx)
	},
	// Only a selector of all JWTs can be decided by the database: for the others the texts must be read.
	Exact: func(_ Env, s *Selector) bool {
		return !s.byOwner() && !s.byCreation() && s.Types == nil && s.Statuses == nil && s.ExpiresBefore == nil && s.ExpiresAfter == nil && !s.NeverExpires && !s.Orphans
	},
	Unblacklist: unblacklistJWT,
	Void:        voidJWTs,
	Voids:       func(env Env) bool { return env.Denylist != nil },
	Purgeable: func(ctx context.Context, env Env, s *db.Store, r PurgeRequest) iter.Seq2[db.Ref, error] {
		return s.ExpiredOutstanding(ctx, purgeJWTBefore(env, r), r.UserIDs, jwtSettings(env))
	},
	Remains:         jwtRemains,
	RemainsInactive: jwtRemainsInactive,
	idOf: func(r *db.Ref) string {
		if isLost(r) {
			return fmt.Sprintf("the blacklist's row %d", r.Row)
		}
		return jwtID(r.Key.Reveal())
	},
	lockOrder: byRow,
	Header:    jwtHeader,
	AuthType: func(s *tokenctl.Settings, c *Credential) string {
		if c.Type == refresh {
			return ""
		}
		return s.SimpleJWT.WithDefaults().AuthHeaderTypes[0]
	},
	NeverRead: func(env Env, l *db.Layout, c *Credential) bool {
		if c.Type == access {
			return env.Denylist == nil
		}
		return l.Outstanding() == nil || l.Blacklisted() == nil || c.Type != refresh && c.Type != sliding
	},
	TakenWhileInactive: "simplejwt before 5.4 still exchanges",
	Describe:           describeJWT,
	AssumedExpired:     assumedExpired,
	CheckRotatable:     func(l *db.Layout) error { return l.Mintable("jwt", nil) },
}

// The types of simplejwt's tokens.
const (
	access  = "access"
	refresh = "refresh"
	sliding = "sliding"
)

// The values of Credential.Signature.
const (
	signatureVerified  = "verified"
	signatureUnchecked = "unchecked" // no key is configured, or nobody looked
	signatureBad       = "bad_signature"
)

// passwordChanged is the reason of a token that was made before the owner's password changed.
const passwordChanged = "password_changed"

// jwtRow is a token that was looked up by id or by secret. A list has none.
type jwtRow struct {
	stored *db.OutstandingToken // its row; nil: it has none
	token  *django.JWT          // the claims of the secret or, without one, of the stored text; nil: that text is no JWT
	secret tokenctl.Secret      // the secret that the operator gave; zero: the operator gave the id
}

// jwtSettings returns the settings of simplejwt, with its defaults.
func jwtSettings(env Env) tokenctl.JWTSettings { return env.Settings.SimpleJWT.WithDefaults() }

// deleteOrphanJWTs deletes tokens whose user does not exist, and rows of the blacklist whose token does not exist.
func deleteOrphanJWTs(ctx context.Context, tx *db.Tx, refs []db.Ref) (int64, error) {
	var lost, rest []db.Ref
	for _, r := range refs {
		if isLost(&r) {
			lost = append(lost, r)
		} else {
			rest = append(rest, r)
		}
	}
	n, err := tx.DeleteOrphanTokens(ctx, rest)
	if err != nil || lost == nil {
		return n, err
	}
	more, err := tx.DeleteLostBlacklistings(ctx, lost)
	return n + more, err
}

func jwtID(jti string) string { return "jwt:" + jti }

// listedJWT returns the credential of a row, as a list shows it.
func listedJWT(s tokenctl.JWTSettings, t *db.OutstandingToken, now time.Time) Credential {
	c := Credential{Kind: "jwt", ID: jwtID(t.JTI), Owner: t.User, Created: t.Created, Expires: t.Expires, BadValues: t.BadValues, secret: t.Text, row: t.Ref(), rowEnds: t.Expires}
	if token := t.Summary; token != nil {
		c.Type, c.Signature = token.Type, signatureUnchecked
		if !token.IssuedAt.IsZero() {
			c.Created = token.IssuedAt
		}
		if token.Type == sliding && !token.RefreshExpires.IsZero() {
			c.Expires = token.RefreshExpires
		}
	}
	c.Status = jwtStatus(s, &c, t.Blacklisted, now)
	c.blacklistedAt = t.BlacklistedAt
	c.orphan = t.User.ID == "" && !t.Several
	return c
}

// jwtStatus returns the status by the blacklist, c.Expires and the owner.
func jwtStatus(s tokenctl.JWTSettings, c *Credential, blacklisted bool, now time.Time) Status {
	switch {
	case blacklisted:
		return Blacklisted
	case !c.Expires.IsZero() && !c.Expires.After(now.Add(-s.Leeway.Duration)):
		return Expired
	case c.Owner.ID != "" && !c.Owner.Active():
		return Disabled
	}
	return Active
}

func listJWT(ctx context.Context, env Env, store *db.Store, s Selector) iter.Seq2[Credential, error] {
	now, settings, assumed := store.Now(), jwtSettings(env), assumedExpired(env)
	credential := func(t *db.OutstandingToken) Credential {
		c := listedJWT(settings, t, now)
		if c.Status == Expired {
			c.Assumed = assumed
		}
		return c
	}
	decide := func(t *db.OutstandingToken) (db.Facts, bool) {
		c := credential(t)
		return db.Facts{Status: string(c.Status), Type: c.Type, Created: c.Created, Expires: c.Expires}, s.matches(&c)
	}
	if s.NeverExpires { // simplejwt accepts no token without an expiry
		return func(func(Credential, error) bool) {}
	}
	return credentials(ctx, func(ctx context.Context) iter.Seq2[db.OutstandingToken, error] {
		return store.OutstandingTokens(ctx, s.filter(), settings, decide)
	}, credential)
}

func jwtByIDs(ctx context.Context, env Env, tx *db.Tx, ids []string) ([]Found, error) {
	rows, err := tx.OutstandingWithJTIs(ctx, ids, jwtSettings(env))
	if err != nil {
		return nil, err
	}
	found := make([]Found, len(ids))
	var rowless []int
	for i, t := range rows {
		if t == nil {
			rowless = append(rowless, i)
			continue
		}
		c, err := foundJWT(env, t, tx.Now)
		if err != nil {
			return nil, err
		}
		found[i].Credentials = []*Credential{&c}
	}
	denied, err := deniedByID(ctx, env, db.Subset(ids, rowless))
	for j, i := range rowless {
		switch {
		case err != nil:
			found[i].Err = err
		case denied[j] != nil:
			found[i].Credentials = []*Credential{denied[j]}
		default:
			e := notFound("jwt:" + ids[i])
			e.Hint += "; access tokens, and those that simplejwt before 5.5 made when it rotated, are never recorded"
			found[i].Err = e
		}
	}
	return found, nil
}

// foundJWT returns the credential of a row, with what the text of the row says.
func foundJWT(env Env, t *db.OutstandingToken, now time.Time) (Credential, error) {
	s := jwtSettings(env)
	c := listedJWT(s, t, now)
	c.jwt = &jwtRow{stored: t}
	token, err := django.DecodeUnverified(s, t.Text.Reveal())
	if err != nil {
		c.Notes = append(c.Notes, "the stored text is no token: type and claims are unknown")
		c.Notes = append(c.Notes, jwtNotes(env, &c)...)
		return c, nil
	}
	c.jwt.token = token
	if c.Expires.IsZero() { // the application goes by the token, whatever its row says
		c.Expires = token.Expires
		c.Status = jwtStatus(s, &c, t.Blacklisted, now)
	}
	if c.Claims, err = token.Claims.MarshalJSON(); err != nil {
		return c, err
	}
	b, err := env.JWT()
	if isRedacted(t.Text) {
		c.Notes = append(c.Notes, "the signature was not checked: it was redacted in the row")
	} else if isWithheld(t.Text) {
		c.Notes = append(c.Notes, "the signature was not checked: the database role cannot read it")
	} else if err != nil {
		c.Notes = append(c.Notes, "the signature was not checked: "+err.Error())
	} else if b.Keys().CanVerify() {
		c.Signature, _ = checkSignature(b, t.Text, now)
	}
	if c.Signature == signatureBad {
		c.Reason = signatureBad
		c.Notes = append(c.Notes, "the configured key is not the one that signed it")
	}
	c.judgeOwner(env)
	c.Notes = append(c.Notes, jwtNotes(env, &c)...)
	return c, nil
}

// assumedExpired returns a text about the default by which JWTs count as expired. It is empty if LEEWAY is
// configured.
func assumedExpired(env Env) string {
	if text := leeway(env); text != "" {
		return "a JWT expires by " + text
	}
	return ""
}

// jwtHeader returns the request header that AUTH_HEADER_NAME means: Django names headers as WSGI does.
func jwtHeader(s *tokenctl.Settings, secret tokenctl.Secret) string {
	jwt := s.SimpleJWT.WithDefaults()
	words := strings.Split(strings.ToLower(strings.TrimPrefix(jwt.AuthHeaderName, "HTTP_")), "_")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "-") + ": " + jwt.AuthHeaderTypes[0] + " " + secret.Reveal()
}
