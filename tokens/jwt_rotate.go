package tokens

import (
	"context"

	"tokenctl/db"
	"tokenctl/django"
)

// rotateJWT blacklists tokens and records others in their places, with the same
// custom claims. Of two at once, one gets CodeChanged.
func rotateJWT(ctx context.Context, env Env, tx *db.Tx, batch []Credential, req RotateRequest) ([]Minted, db.Refusals, error) {
	refused := db.Refusals{}
	plans := make([]rotationJWT, len(batch))
	for i, c := range batch {
		switch over := "there is nothing to replace"; {
		case c.Type == access:
			return nil, nil, &django.Error{Code: django.CodeKindUnsupported, Message: "access tokens cannot be rotated: a refresh token makes them", Hint: "rotate the refresh token, or mint another pair"}
		case c.row.(jwtRow).blacklisted():
			refused[i] = &django.Error{Code: django.CodeChanged, Message: c.ID + " is blacklisted: " + over, Hint: "make another with tokenctl mint --kind jwt"}
		case c.Status == Expired || !c.Expires.After(tx.Now):
			refused[i] = &django.Error{Code: django.CodeChanged, Message: c.ID + " has expired: " + over, Hint: "make another with tokenctl mint --kind jwt"}
		case c.Owner.ID == "":
			return nil, nil, &django.Error{Code: django.CodeUserNotFound, Message: c.ID + " belongs to nobody: there is nobody to make another for", Hint: "blacklist it"}
		}
		plans[i] = rotationJWT{refresh, req.Life}
		if c.Type == sliding {
			plans[i].typ = sliding
		}
		if req.Life.Keep {
			plans[i].life = Life{Expires: c.Expires}
		}
	}
	minted := make([]Minted, len(batch))
	for plan, places := range alike(refused, plans) {
		s, err := newSigner(ctx, env, tx, plan.typ, plan.life, req.Force)
		if err != nil {
			return nil, nil, err
		}
		made, err := s.replace(ctx, plan.typ, batch, places, refused, req.Force)
		if err != nil {
			return nil, nil, err
		}
		for _, m := range made {
			minted[m.place] = m.Minted
		}
	}
	return minted, refused, nil
}

// rotationJWT is what tokens become that are signed alike.
type rotationJWT struct {
	typ  string
	life Life
}

// placed is what takes the place of one of a batch.
type placed struct {
	Minted
	place int
}

// replace blacklists the tokens in some places of a batch, and issues others for
// those that it does not refuse.
func (s *signer) replace(ctx context.Context, typ string, batch []Credential, places []int, refused db.Refusals, force bool) ([]placed, error) {
	stored := make([]db.OutstandingToken, len(places))
	left := make([]*inheritance, len(places))
	for j, i := range places {
		r := batch[i].row.(jwtRow)
		if left[j] = r.inheritance; left[j] == nil {
			left[j] = batch[i].inheritance(s.JWTBackend)
		}
		if left[j].foreign && !force {
			return nil, wrongJWTKey()
		}
		if r.stored == nil {
			var err error
			if r.stored, err = record(ctx, s.tx, batch[i]); err != nil {
				return nil, err
			}
		}
		stored[j] = *r.stored
	}
	g, err := s.start(ctx, typ, at(places, ownersOf(batch)), func(j int) []django.JWTClaim { return left[j].claims })
	if err != nil {
		return nil, err
	}
	defer g.stop()
	already, err := s.tx.BlacklistOutstandingTokens(ctx, stored)
	if err != nil {
		return nil, err
	}
	if err := g.record(ctx, already); err != nil {
		return nil, err
	}
	list := make([]placed, 0, len(places))
	for j, i := range places {
		switch {
		case already[j] == nil:
			m := g.minted[j]
			m.Replaces = batch[i].ID
			list = append(list, placed{m, i})
		case django.CodeOf(already[j]) == django.CodeAlreadyExists:
			refused[i] = &django.Error{Code: django.CodeChanged, Message: batch[i].ID + " was rotated or blacklisted meanwhile", Hint: "nothing was done; look again with tokenctl list --user"}
		default:
			refused[i] = already[j]
		}
	}
	return list, nil
}

// inheritance is what the one in a token's place gets of it.
type inheritance struct {
	claims  []django.JWTClaim // the custom ones
	foreign bool              // the configured key did not sign it
}

// inheritance is that of a token whose text is there. Without a backend nobody looks
// at the signature.
func (c *Credential) inheritance(b *django.JWTBackend) *inheritance {
	r := c.row.(jwtRow)
	if r.token == nil {
		return new(inheritance)
	}
	return &inheritance{b.Settings().CustomClaims(r.token.Claims), foreign(b, c.secret)}
}

// foreign reports whether another key has signed a token.
func foreign(b *django.JWTBackend, secret django.Secret) bool {
	return b.Keys().CanVerify() && !b.Signed(secret)
}
