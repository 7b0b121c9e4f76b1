package tokens

import (
	"context"
	"iter"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// rotateJWT blacklists tokens and records successors with the same custom claims, which it
// reads from the predecessors' texts. If two processes rotate a token at the same time, only
// one of them blacklists it and makes a successor.
func rotateJWT(ctx context.Context, env Env, tx *db.Tx, refs []*Ref, req RotateRequest) ([]Minted, db.Outcomes, error) {
	b, err := signingBackend(ctx, env, tx, req.Force, refs)
	if err == nil {
		err = addMissingRows(ctx, tx, refs)
	}
	if err != nil {
		return nil, nil, err
	}
	rows, err := tx.OutstandingByRow(ctx, rowsOf(refs))
	if err != nil {
		return nil, nil, err
	}
	outcomes := db.Outcomes{}
	plans := make([]rotationJWT, len(refs))
	for i, r := range refs {
		switch t := rows[i]; {
		case t == nil:
			outcomes[i] = db.Gone
		case t.JTI != r.row.Key.Reveal():
			outcomes[i] = db.ChangedMeanwhile
		case t.Blacklisted:
			outcomes[i] = db.Already
		}
		plans[i] = rotationJWT{refresh, req.Lifetime}
		if r.form.typ == sliding {
			plans[i].typ = sliding
		}
		if req.Lifetime.By == Kept && outcomes[i] == db.Changed {
			end, err := r.kept(tx.Now)
			if err != nil {
				return nil, nil, err
			}
			plans[i].lifetime = until(end)
		}
	}
	minted := make([]Minted, len(refs))
	for plan, indexes := range equalValues(outcomes, plans) {
		s, err := newJWTMinter(env, tx, b, plan.typ, plan.lifetime)
		if err != nil {
			return nil, nil, err
		}
		made, already, err := s.replace(ctx, plan.typ, db.Subset(refs, indexes), db.Subset(rows, indexes), req.Force)
		if err != nil {
			return nil, nil, err
		}
		for j, i := range indexes {
			if minted[i] = made[j]; already[j] != db.Changed {
				outcomes[i] = already[j]
			}
		}
	}
	return minted, outcomes, nil
}

// rotationJWT is the type and lifetime of successors. Tokens with equal values are signed together.
type rotationJWT struct {
	typ      string
	lifetime Lifetime
}

// replace blacklists tokens and issues a successor for each token that it blacklisted.
func (s *jwtMinter) replace(ctx context.Context, typ string, refs []*Ref, rows []*db.OutstandingToken, force bool) ([]Minted, db.Outcomes, error) {
	claims := make([][]django.JWTClaim, len(refs))
	err := parallel(ctx, len(refs), func(i int) error {
		text := rows[i].Text
		if r := refs[i].jwt; r != nil && !r.secret.IsZero() {
			text = r.secret
		}
		token, err := django.DecodeUnverified(s.Settings(), text.Reveal())
		if err != nil {
			return nil // the row holds no token; its successor has no claims of the application's
		}
		if !force && s.Keys().CanVerify() && !s.Signed(text) {
			return wrongJWTKey(s.env)
		}
		claims[i] = django.CustomClaims(s.Settings(), token.Claims)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	owners := tokenctl.Mapped(refs, func(r *Ref) db.User { return *r.owner })
	g, err := s.start(ctx, typ, owners, func(i int) []django.JWTClaim { return claims[i] })
	if err != nil {
		return nil, nil, err
	}
	defer g.stop()
	outcomes, err := s.tx.BlacklistTokens(ctx, rowsOf(refs))
	if err != nil {
		return nil, nil, err
	}
	if err := g.record(ctx, outcomes); err != nil {
		return nil, nil, err
	}
	for i, r := range refs {
		g.minted[i].Replaces = r.ID()
	}
	return g.minted, outcomes, nil
}

// equalValues yields each distinct value of list with its indexes, in the order of first
// occurrence. It skips the indexes in outcomes.
func equalValues[T comparable](outcomes db.Outcomes, list []T) iter.Seq2[T, []int] {
	return func(yield func(T, []int) bool) {
		var order []T
		indexes := map[T][]int{}
		for i, v := range list {
			if outcomes[i] != db.Changed {
				continue
			}
			if indexes[v] == nil {
				order = append(order, v)
			}
			indexes[v] = append(indexes[v], i)
		}
		for _, v := range order {
			if !yield(v, indexes[v]) {
				return
			}
		}
	}
}
