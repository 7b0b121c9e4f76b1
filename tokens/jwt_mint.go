package tokens

import (
	"context"
	"runtime"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

func checkMintJWT(_ Env, r MintRequest) error {
	switch r.Type {
	case "", refresh, sliding, access:
	default:
		return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "there is no token type " + r.Type, Hint: "the types are refresh (with its access token), access and sliding"}
	}
	if len(r.Further) > 0 {
		return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "the table of jwt tokens has no further columns: simplejwt takes no other model", Hint: "leave out --set; --claim gives a JWT further claims"}
	}
	return checkLifetimeJWT(r.Lifetime)
}

func checkRotateJWT(_ Env, r RotateRequest) error {
	if err := checkNoOverlap("jwt tokens", r); err != nil {
		return err
	}
	return checkLifetimeJWT(r.Lifetime)
}

func checkLifetimeJWT(l Lifetime) error {
	if l.By == Never {
		return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "jwt tokens always expire: simplejwt refuses one without exp", Hint: "give --ttl or --expires"}
	}
	return nil
}

// jwtEnd returns the end of a new token. For a sliding token it is the end of its refresh period.
func jwtEnd(env Env, now time.Time, typ string, l Lifetime) (time.Time, string) {
	if end, ok := l.end(now); ok {
		return end, l.why()
	}
	s := jwtSettings(env)
	name, given, value := "REFRESH_TOKEN_LIFETIME", env.Settings.SimpleJWT.RefreshTokenLifetime, s.RefreshTokenLifetime
	if typ == sliding {
		name, given, value = "SLIDING_TOKEN_REFRESH_LIFETIME", env.Settings.SimpleJWT.SlidingTokenRefreshLifetime, s.SlidingTokenRefreshLifetime
	}
	return now.Add(value.Duration), configured(given.Duration != 0, "simplejwt", name, django.BriefDuration(value.Duration), "simplejwt")
}

// jwtMinter makes tokens of one type and lifetime.
type jwtMinter struct {
	*django.JWTBackend
	env Env
	tx  *db.Tx
}

// signableJWT returns the backend of simplejwt if it has a key to sign with.
func signableJWT(env Env) (*django.JWTBackend, error) {
	b, err := env.JWT()
	switch {
	case err != nil:
		return nil, err
	case b.Keys().CanSign():
		return b, nil
	case b.Keys().CanVerify():
		return nil, &tokenctl.Error{Code: tokenctl.CodeKeyMissing, Message: "the token cannot be signed: only the public key is configured", Hint: "name the private key's PEM file in signing_key_file under [simplejwt] of tokenctl.toml"}
	}
	return nil, keyMissing("the token cannot be signed")
}

// newJWTMinter returns a minter of tokens of one type and lifetime.
func newJWTMinter(env Env, tx *db.Tx, b *signingJWT, typ string, l Lifetime) (*jwtMinter, error) {
	s := b.Settings()
	length, ok, err := l.length(tx.Now)
	if err != nil {
		return nil, err
	}
	if ok {
		lifetime := tokenctl.Duration{Duration: length}
		switch typ {
		case access:
			s.AccessTokenLifetime = lifetime
		case sliding:
			s.SlidingTokenRefreshLifetime = lifetime
			s.SlidingTokenLifetime.Duration = min(s.SlidingTokenLifetime.Duration, lifetime.Duration)
		default:
			s.RefreshTokenLifetime = lifetime
		}
	}
	simplejwt, pyjwt := b.Versions()
	if env.Settings.Peers.SimpleJWT == "" {
		if simplejwt = releaseOf(s, b.newest); simplejwt != "" {
			pyjwt = env.Settings.Peers.PyJWT
		}
	}
	backend, err := django.NewJWTBackend(s, b.Keys(), simplejwt, pyjwt)
	if err != nil {
		return nil, err
	}
	return &jwtMinter{backend, env, tx}, nil
}

// releaseOf infers from the newest stored token which release of simplejwt the application
// runs: iat is written since 5.0.0, the user's id as text since 5.5.1. Without a stored
// token it is empty, which stands for the newest release.
func releaseOf(s tokenctl.JWTSettings, stored []madeJWT) tokenctl.Version {
	if len(stored) == 0 {
		return ""
	}
	id := stored[0].Claims.Get(s.UserIDClaim)
	switch {
	case stored[0].Claims.Get("iat") == nil:
		return "4.8.0"
	case len(id) > 0 && id[0] != '"':
		return "5.5.0"
	}
	return ""
}

// minted returns the credential of a token that was just made with these claims.
func (s *jwtMinter) minted(claims django.JWTClaims, secret tokenctl.Secret, owner db.User) Credential {
	token := django.DescribeJWT(s.Settings(), claims)
	c := Credential{Kind: "jwt", Type: token.Type, ID: jwtID(token.JTI), Owner: owner, Created: token.IssuedAt, Expires: token.Expires, Signature: signatureVerified,
		secret: secret, jwt: &jwtRow{token: &token, secret: secret}}
	if token.Type == sliding {
		c.Expires = token.RefreshExpires
	}
	if c.Created.IsZero() {
		c.Created = s.tx.Now
	}
	c.Status = jwtStatus(s.Settings(), &c, false, s.tx.Now)
	return c
}

// issue signs a token of a type for each of the users, with custom claims for
// each, and records it as for_user does.
func (s *jwtMinter) issue(ctx context.Context, typ string, owners []db.User, custom func(int) []django.JWTClaim) ([]Minted, error) {
	g, err := s.start(ctx, typ, owners, custom)
	if err != nil {
		return nil, err
	}
	defer g.stop()
	return g.minted, g.record(ctx, nil)
}

// signing signs tokens on all cores while the database does other work.
type signing struct {
	*jwtMinter
	typ    string
	minted []Minted
	ids    [][2]string // a refresh token's own, and its access token's
	signed chan int    // how many of them are
	err    error
	cancel context.CancelFunc
}

// signedAhead is the number of tokens that are signed before their number is reported.
const signedAhead = 1000

// start begins to sign a token of a type for each of the users.
func (s *jwtMinter) start(ctx context.Context, typ string, owners []db.User, custom func(int) []django.JWTClaim) (*signing, error) {
	users, err := s.tx.JWTUsers(ctx, owners, s.Settings())
	if err != nil {
		return nil, err
	}
	n := len(owners)
	g := &signing{jwtMinter: s, typ: typ, minted: make([]Minted, n), ids: make([][2]string, n), signed: make(chan int, n/signedAhead+1)}
	for i := range g.ids {
		for j := range g.ids[i] {
			if g.ids[i][j], err = django.NewJTI(s.env.Random); err != nil {
				return nil, err
			}
		}
	}
	// An HMAC takes less time than the database needs for the row, often on the same
	// machine: one core is left to it.
	cores := runtime.GOMAXPROCS(0)
	if strings.HasPrefix(s.Settings().Algorithm, "HS") {
		cores = max(1, cores-1)
	}
	ctx, g.cancel = context.WithCancel(ctx)
	go func() {
		defer close(g.signed)
		for done := 0; done < n && g.err == nil; {
			next := min(done+signedAhead, n)
			g.err = parallelOn(ctx, cores, next-done, func(i int) (err error) {
				i += done
				g.minted[i], err = s.sign(typ, owners[i], users[i], g.ids[i], custom(i))
				return err
			})
			if done = next; g.err == nil {
				g.signed <- done
			}
		}
	}()
	return g, nil
}

// stop cancels the signing and waits until no goroutine signs.
func (g *signing) stop() {
	g.cancel()
	for range g.signed {
	}
}

// record writes the rows of the tokens, except those whose index is in outcomes. It returns when
// all tokens are signed.
func (g *signing) record(ctx context.Context, outcomes db.Outcomes) error {
	recorded := 0
	for n := range g.signed {
		var rows []db.OutstandingToken
		for i := recorded; i < n && g.typ != access; i++ {
			if outcomes[i] == db.Changed {
				rows = append(rows, db.OutstandingToken{JTI: g.ids[i][0], Text: g.minted[i].secret, User: g.minted[i].Owner})
			}
		}
		if rows != nil {
			if err := g.tx.InsertOutstandingTokens(ctx, rows, g.minted[0].jwt.token.Expires); err != nil {
				return err
			}
		}
		recorded = n
	}
	return g.err
}

// sign makes the token of one user, without recording it.
func (s *jwtMinter) sign(typ string, owner db.User, user django.JWTUser, ids [2]string, custom []django.JWTClaim) (Minted, error) {
	now := s.tx.Now
	build := s.NewRefresh
	if typ == sliding {
		build = s.NewSliding
	}
	claims, err := build(user, now, ids[0], custom)
	if err != nil {
		return Minted{}, err
	}
	var m Minted
	if typ != access {
		name := refresh
		if typ == sliding {
			name = "token"
		}
		secret, err := s.Encode(claims)
		if err != nil {
			return Minted{}, err
		}
		m.Secrets = append(m.Secrets, NamedSecret{name, secret})
		m.Credential = s.minted(claims, secret, owner)
	}
	if typ == sliding {
		m.Access = m.jwt.token.Expires
	} else {
		// An access token has the claims of a refresh token, even if no refresh token is made.
		claims := s.AccessFromRefresh(claims, now, ids[1])
		secret, err := s.Encode(claims)
		if err != nil {
			return Minted{}, err
		}
		m.Secrets = append(m.Secrets, NamedSecret{access, secret})
		if typ == access {
			m.Credential = s.minted(claims, secret, owner)
		} else {
			m.Access = now.Add(s.Settings().AccessTokenLifetime.Duration).Truncate(time.Second)
		}
	}
	return m, nil
}

func mintJWT(ctx context.Context, env Env, tx *db.Tx, users []db.User, req MintRequest) ([]Minted, []UserAtLimit, error) {
	typ := req.Type
	if typ == "" {
		typ = refresh
	}
	if typ != access && tx.Layout.Outstanding() == nil {
		return nil, nil, &tokenctl.Error{Code: tokenctl.CodeTableMissing, Message: "the database has no table for " + typ + " tokens",
			Hint: `add "rest_framework_simplejwt.token_blacklist" to INSTALLED_APPS and run manage.py migrate; --type access makes a token that is never recorded`}
	}
	if t := tx.Layout.Outstanding(); t != nil {
		if err := tx.Layout.CheckOwner(t); err != nil {
			return nil, nil, err
		}
	}
	b, err := signingBackend(ctx, env, tx, req.Force, nil)
	if err != nil {
		return nil, nil, err
	}
	s, err := newJWTMinter(env, tx, b, typ, req.Lifetime)
	if err != nil {
		return nil, nil, err
	}
	minted, err := s.issue(ctx, typ, users, func(int) []django.JWTClaim { return req.Claims })
	return minted, nil, err
}
