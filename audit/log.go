package audit

import (
	"slices"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/scan"
	"tokenctl/tokens"
)

// adminLog reports the live drf keys in Django's admin log.
func (r *run) adminLog(rule *Rule) error {
	return r.readAll(func(tx *db.Tx) error {
		logged, err := tx.LoggedKeys(r.ctx)
		if err != nil {
			return err
		}
		for part := range slices.Chunk(logged, 1000) {
			secrets := tokenctl.Mapped(part, func(k db.LoggedKey) tokenctl.Secret { return k.Key })
			list, err := tokens.DRF.Members(r.ctx, r.env, tx, secrets)
			if err != nil {
				return err
			}
			for i, c := range list {
				if c == nil || c.Status != tokens.Active {
					continue
				}
				f := Finding{Rule: rule, Kind: c.Kind, ID: c.ID, User: c.Owner.Username, UserID: c.Owner.ID, Fix: r.fix("audit --fix " + rule.ID),
					Message: "its key stands in " + number(part[i].Entries, "entry", "entries") + " of the admin log: whoever may read that can use it; replace it, too: tokenctl rotate " + c.ID}
				if r.find(f) && r.Mends != nil {
					r.Mends(rule, c)
				}
			}
		}
		return nil
	})
}

// hashed reports the secrets in a column of the admin log of which the role sees only the hashes of its words.
func (s *search) hashed(column db.SearchedText) error {
	c := searchedColumn{SearchedText: column, found: map[string]*sighted{}}
	err := s.readAll(func(tx *db.Tx) error {
		list, err := tx.LoggedSecrets(s.ctx, column)
		if err != nil {
			return err
		}
		names := tokenctl.Mapped(list, func(l db.LoggedSecret) tokens.Name { return tokens.Name{ID: tokens.LoggedID(&l)} })
		credentials, err := tokens.Find(s.ctx, s.env, tx, names)
		if err != nil {
			return err
		}
		for i, f := range credentials {
			for _, found := range f.Credentials {
				if found.Status != tokens.Active {
					continue
				}
				if c.found[found.ID] == nil {
					c.found[found.ID] = &sighted{match: &scan.Match{Kind: found.Kind, ID: found.ID, User: found.Owner.Username, UserID: found.Owner.ID}}
				}
				c.found[found.ID].note(list[i].Entry, false)
			}
		}
		return nil
	})
	if err == nil {
		s.tell(&c)
	}
	return err
}
