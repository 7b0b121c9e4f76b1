package server

import (
	"time"
	"unicode/utf8"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// knoxAuthentication is knox's TokenAuthentication: knox/auth.py (5.0.2, 4.2.0).
func (s *Server) knoxAuthentication() *authenticator {
	prefix := s.Env.Settings.Knox.HeaderPrefix()
	return &authenticator{name: "knox", challenge: prefix, authenticate: func(r *request) (*identity, error) {
		auth := words(r.header("Authorization"))
		if len(auth) == 0 || !isWord(auth[0], prefix) {
			return nil, nil
		}
		r.log.kind = tokens.Knox.Name
		// Unlike DRF, knox does not handle other bytes: it raises an exception.
		if len(auth) == 2 && !utf8.ValidString(auth[1]) {
			return nil, uncaught("the token is not UTF-8")
		}
		token, err := tokenInHeader(auth)
		if err != nil {
			return nil, err
		}
		if err := s.checkNUL(token); err != nil {
			return nil, err
		}
		return r.authenticateKnox(tokenctl.NewSecret(token))
	}}
}

// authenticateKnox is authenticate_credentials. Like knox it also deletes the expired tokens of every
// user who has a token with the same first characters.
func (r *request) authenticateKnox(token tokenctl.Secret) (*identity, error) {
	rows, expired, err := r.knoxRows(token)
	if err != nil {
		return nil, err
	}
	if expired != nil {
		if err := r.writeUnlessReadOnly(func(tx *db.Tx) error {
			_, err := tx.PurgeKnox(r.ctx, tx.Now, expired)
			return err
		}); err != nil {
			return nil, err
		}
	}
	k := r.server.Env.Settings.Knox
	for _, t := range rows {
		if !r.server.knoxScheme.Verify(k, token, t.Digest, t.Salt) {
			continue
		}
		c := tokens.KnoxCredential(t)
		r.log.credential, r.log.user = c.ID, t.User.Username
		if !t.Expires.IsZero() && django.KnoxExpired(&t.Expires, r.server.Now()) {
			r.log.reason = "expired"
			continue
		}
		if k.AutoRefresh && !t.Expires.IsZero() {
			if err := r.renewKnox(t); err != nil {
				return nil, err
			}
		}
		if !t.User.Active() {
			return nil, authenticationFailed("User inactive or deleted.")
		}
		return &identity{user: t.User, credential: &c, knox: &t}, nil
	}
	return nil, authenticationFailed("Invalid token.")
}

// knoxRows finds the rows that knox compares with a token. owners are the primary keys of the rows'
// owners if one of them has expired tokens.
func (r *request) knoxRows(token tokenctl.Secret) (rows []db.KnoxToken, owners []string, err error) {
	err = r.server.Store.Read(r.ctx, func(tx *db.Tx) error {
		if !tokens.Knox.Present(tx.Layout) {
			return nil
		}
		rows, err = tx.KnoxTokensKeyed(r.ctx, []string{r.server.knoxScheme.TokenKey(token)})
		if err != nil || len(rows) == 0 {
			return err
		}
		owners = tokenctl.Mapped(rows, func(t db.KnoxToken) string { return t.User.ID })
		n, err := tx.CountExpiredKnox(r.ctx, tx.Now, owners)
		if n == 0 {
			owners = nil
		}
		return err
	})
	return rows, owners, err
}

// renewKnox is renew_token. If the token is deleted at the same time, it stays deleted; knox would answer
// 500 (knox pull request #186).
func (r *request) renewKnox(t db.KnoxToken) error {
	renewed, write := django.KnoxRefreshed(r.server.Env.Settings.Knox, t.Created, &t.Expires, r.server.Now())
	if !write {
		return nil
	}
	return r.writeUnlessReadOnly(func(tx *db.Tx) error {
		_, err := tx.ExpireKnoxTokens(r.ctx, []db.Ref{t.Ref()}, []time.Time{*renewed})
		return err
	})
}

// writeUnlessReadOnly runs f, which writes rows as a side effect of authentication. A read-only server
// skips it.
func (r *request) writeUnlessReadOnly(f func(*db.Tx) error) error {
	if r.server.ReadOnly {
		return nil
	}
	return r.server.Store.Write(r.ctx, f)
}
