package tokens

import (
	"context"
	"iter"
	"strings"
	"time"

	"tokenctl/db"
	"tokenctl/django"
)

// JWT is djangorestframework-simplejwt with its token_blacklist app: signed
// tokens, of which the refresh and sliding ones are recorded.
var JWT = &Kind{
	Name:    "jwt",
	Title:   "jwt tokens",
	App:     "rest_framework_simplejwt.token_blacklist",
	IDForm:  "jwt:JTI",
	Present: func(l *db.Layout) bool { return l.Outstanding() != nil },
	LooksLike: func(text string) bool {
		// A compact JWS starts with the encoding of {" (RFC 7519 section 3.1).
		return strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") == 2
	},
	List:        listJWT,
	ByID:        jwtByID,
	BySecret:    jwtBySecret,
	CheckMint:   checkMintJWT,
	CheckRotate: checkRotateJWT,
	MintAll:     mintJWT,
	Rotate:      rotateJWT,
	Blacklist:   blacklistJWT,
	BlacklistAll: func(ctx context.Context, env Env, tx *db.Tx, s Selector, gone func(string)) (int64, error) {
		settings := jwtSettings(env)
		return tx.BlacklistOutstandingWhere(ctx, s.filter(), settings, func(t *db.OutstandingToken) bool {
			c, _ := listedJWT(settings, t, tx.Now)
			return s.picks(&c)
		}, telling(gone, jwtID))
	},
	Unblacklist: unblacklistJWT,
	Expired:     expiredJWT,
	Aftermath:   jwtAftermath,
	Header:      jwtHeader,
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

// jwtRow is a token as it was found: in its row, as a secret, or both.
type jwtRow struct {
	stored *db.OutstandingToken // nil: it was never recorded
	token  *django.JWT          // the secret's claims, else those of the stored text; nil where that is no token
	secret django.Secret        // what the operator gave; zero for one found by its row
	seen   time.Time

	*inheritance // nil where nobody asked for it
}

func (r jwtRow) blacklisted() bool { return r.stored != nil && r.stored.Blacklisted }

// jwtSettings are simplejwt's, with its defaults.
func jwtSettings(env Env) django.JWTSettings { return env.Settings.SimpleJWT.WithDefaults() }

func jwtID(jti string) string { return "jwt:" + jti }

// jwtCredential is a row with its claims.
func jwtCredential(env Env, t db.OutstandingToken, now time.Time) Credential {
	s := jwtSettings(env)
	token, err := s.DecodeUnverified(t.Text.Reveal())
	var seen *django.JWTGlance // nil where the text is no token
	if err == nil {
		seen = s.Glance(token)
	}
	c := jwtOverview(s, &t, seen, now)
	c.row = jwtRow{stored: &t, token: token, seen: now}
	return c
}

// listedJWT is a row as a list shows it, and what it showed of its claims.
func listedJWT(s django.JWTSettings, t *db.OutstandingToken, now time.Time) (Credential, *django.JWTGlance) {
	seen, err := s.GlanceUnverified(t.Text.Reveal())
	if err != nil {
		return jwtOverview(s, t, nil, now), nil
	}
	return jwtOverview(s, t, &seen, now), &seen
}

func jwtOverview(s django.JWTSettings, t *db.OutstandingToken, token *django.JWTGlance, now time.Time) Credential {
	c := Credential{Kind: "jwt", ID: jwtID(t.JTI), Owner: t.User, Created: t.Created, Expires: t.Expires, secret: t.Text}
	if token != nil {
		c.Type, c.Signature = token.Type, signatureUnchecked
		if !token.IssuedAt.IsZero() {
			c.Created = token.IssuedAt
		}
		if token.Type == sliding && !token.RefreshExpires.IsZero() {
			c.Expires = token.RefreshExpires
		}
	}
	c.Status = jwtStatus(s, &c, t.Blacklisted, now)
	return c
}

// jwtStatus judges by owner, blacklist and c.Expires.
func jwtStatus(s django.JWTSettings, c *Credential, blacklisted bool, now time.Time) Status {
	switch {
	case c.Owner.ID != "" && !c.Owner.Active():
		return Disabled
	case blacklisted:
		return Blacklisted
	case !c.Expires.IsZero() && !c.Expires.After(now.Add(-s.Leeway.Duration)):
		return Expired
	}
	return Active
}

func listJWT(ctx context.Context, env Env, store *db.Store, s Selector) iter.Seq2[Credential, error] {
	return func(yield func(Credential, error) bool) {
		now := store.Now()
		settings := jwtSettings(env)
		var successors *django.JWTBackend // what signs them, where the tokens are to be rotated
		if s.Places && !s.Doomed {
			successors, _ = env.JWT() // who signs will say what is wrong with it
		}
		f := s.filter()
		if s.Places && s.Sort == "" {
			// The rest is decided here: out of the texts the database reads it several times
			// slower, and most of them will be needed anyway.
			f = db.Filter{UserIDs: s.UserIDs, Staff: s.Staff, Superuser: s.Superuser, Brief: f.Brief, Places: true}
		}
		list := credentials(ctx, func(ctx context.Context) iter.Seq2[db.OutstandingToken, error] {
			return store.OutstandingTokens(ctx, f, settings)
		}, func(t *db.OutstandingToken) Credential {
			c, seen := listedJWT(settings, t, now)
			if s.Brief {
				return c
			}
			stored := *t
			r := jwtRow{stored: &stored, seen: now}
			switch {
			case successors == nil:
			case seen != nil && !seen.Custom:
				r.inheritance = &inheritance{foreign: foreign(successors, t.Text)}
			default:
				whole := jwtCredential(env, stored, now)
				r.inheritance = whole.inheritance(successors)
			}
			c.row = r
			return c
		})
		for c, err := range list {
			if err == nil && !s.picks(&c) {
				continue
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

func jwtByID(ctx context.Context, env Env, tx *db.Tx, id string) (Credential, error) {
	t, err := tx.OutstandingToken(ctx, id, jwtSettings(env))
	if err != nil {
		return Credential{}, err
	}
	if t == nil {
		e := notFound("jwt:" + id).(*django.Error)
		e.Hint += "; access tokens, and those that simplejwt before 5.5 made when it rotated, are never recorded"
		return Credential{}, e
	}
	c := jwtCredential(env, *t, tx.Now)
	r := c.row.(jwtRow)
	if r.token == nil {
		c.Notes = append(c.Notes, "the stored text is no token: type and claims are unknown")
		c.Notes = append(c.Notes, jwtNotes(env, c)...)
		return c, nil
	}
	if c.Claims, err = r.token.Claims.MarshalJSON(); err != nil {
		return c, err
	}
	b, err := env.JWT()
	if err != nil {
		c.Notes = append(c.Notes, "the signature was not checked: "+err.Error())
	} else if b.Keys().CanVerify() {
		c.Signature, _ = checkSignature(b, t.Text, tx.Now)
	}
	if c.Signature == signatureBad {
		c.Reason = signatureBad
		c.Notes = append(c.Notes, "the configured key is not the one that signed it")
	}
	c.judgeOwner(env)
	c.Notes = append(c.Notes, jwtNotes(env, c)...)
	return c, nil
}

// judgeOwner sets the reason for which the application refuses a token because
// of its owner, as JWTAuthentication.get_user does.
func (c *Credential) judgeOwner(env Env) {
	r := c.row.(jwtRow)
	s := jwtSettings(env)
	switch {
	case c.Reason != "" || c.Status != Active:
	case c.Owner.ID == "":
		c.Reason = "unknown"
		c.Notes = append(c.Notes, "no user has the id that the token names")
	case s.CheckRevokeToken && r.token != nil && env.Settings.Peers.SimpleJWT.AtLeast("5.3.0"):
		if held, _ := r.token.Claims.Text(s.RevokeTokenClaim); held == c.Owner.PasswordClaim() {
			return
		}
		c.Notes = append(c.Notes, "the owner's password was changed since: with CHECK_REVOKE_TOKEN the application refuses it as an access token, and what a refresh makes of it")
		// Refreshing does not look at it (simplejwt 5.5.1).
		if c.Type != refresh {
			c.Reason = "password_changed"
		}
	}
}

func jwtNotes(env Env, c Credential) []string {
	var notes []string
	r := c.row.(jwtRow)
	s := jwtSettings(env)
	if c.Status == Disabled {
		note := "the owner is inactive; the token works again when the owner is activated"
		switch {
		case !*s.CheckUserIsActive && env.Settings.Peers.SimpleJWT.AtLeast("5.4.0"):
			note += "; with CHECK_USER_IS_ACTIVE off the application honours it even now"
		case c.Type == refresh && !env.Settings.Peers.SimpleJWT.AtLeast("5.4.0"):
			note += "; this simplejwt still refreshes it"
		case c.Type == refresh && env.Settings.Peers.SimpleJWT == "":
			note += "; simplejwt before 5.4 would still refresh it"
		}
		notes = append(notes, note)
		if r.blacklisted() {
			notes = append(notes, "it is blacklisted as well")
		}
	}
	if r.stored == nil && c.Type != access && c.Reason == "" {
		notes = append(notes, "it is not recorded: tokenctl list does not show it, and blacklist would record it")
	}
	if c.Type == refresh && c.Status == Blacklisted && !s.BlacklistAfterRotation {
		notes = append(notes, "without BLACKLIST_AFTER_ROTATION the application's token/verify/ does not look at the blacklist")
	}
	return notes
}

// jwtHeader is the request header of AUTH_HEADER_NAME, which Django names as
// WSGI does.
func jwtHeader(s *django.Settings, secret django.Secret) string {
	jwt := s.SimpleJWT.WithDefaults()
	words := strings.Split(strings.ToLower(strings.TrimPrefix(jwt.AuthHeaderName, "HTTP_")), "_")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "-") + ": " + jwt.AuthHeaderTypes[0] + " " + secret.Reveal()
}
