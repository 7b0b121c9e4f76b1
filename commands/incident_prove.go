package commands

import (
	"context"
	"slices"
	"strconv"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// proof is the state of a credential after the change that should have ended it.
type proof struct {
	id     string
	dead   bool
	status string // empty: the credential does not exist any more
	reason string // the reason why the application refuses it
	probe  *probe // the answer of the application itself; nil: nobody asked it
}

// prove verifies again each credential that should be dead. It computes the remaining exposures from the
// present rows. Its transaction may write, because only the primary database accepts such a transaction, and a
// standby may be late.
func (n *incident) prove(ctx context.Context) error {
	in := n.planned()
	before := n.held
	names := n.claims(in.Ended)
	var found []tokens.Found
	err := n.store.Write(ctx, func(tx *db.Tx) (err error) {
		if found, err = tokens.Find(ctx, n.app.env(), tx, names); err != nil || n.owner == nil {
			return err
		}
		owners, err := tx.OwnersWithIDs(ctx, n.users, []string{n.owner.ID})
		if len(owners) > 0 {
			in.Owner = owners[0]
		}
		return err
	})
	if err != nil {
		return err
	}
	after, err := n.list(ctx)
	if err != nil {
		return err
	}
	in.Ended, in.Voided = map[string]bool{}, n.chosen.voided != nil
	for _, a := range n.done {
		in.Ended[a.id] = true
	}
	in.Held = n.merge(before, after, in.Ended)
	n.keyCost = nil
	if err := n.remains(ctx, in); err != nil {
		return err
	}
	if err := n.probeAgain(ctx); err != nil {
		return err
	}
	for i, f := range found {
		p := verified(names[i], f, n.leaked)
		if n.probe != nil && n.isLeaked(p.id) {
			p.probe = n.probe
			if p.dead && !n.probe.refused() {
				p.dead, p.reason = false, "the application still answers with the status "+strconv.Itoa(n.probe.after)
			}
		}
		if !slices.ContainsFunc(n.residual, func(x tokens.Exposure) bool { return x.ID == p.id && !in.Ended[p.id] }) {
			n.proof = append(n.proof, p)
		}
	}
	return nil
}

// claims returns the names of the leaked credentials and of the ended credentials. If the secret was given,
// the name is the secret, so that prove looks it up in the same way as the application.
func (n *incident) claims(ended map[string]bool) (names []tokens.Name) {
	for _, c := range n.leaked {
		name := tokens.Name{ID: c.ID}
		if !n.given.IsZero() {
			name = tokens.Name{Secret: n.given}
		}
		if name.ID == "" && len(names) > 0 {
			continue // two rows can have one secret: a drf key that was imported into knox
		}
		names = append(names, name)
	}
	for _, c := range n.held {
		if ended[c.ID] && !n.isLeaked(c.ID) {
			names = append(names, tokens.Name{ID: c.ID})
		}
	}
	return names
}

// verified returns the proof of one name. If the name is a secret, its id comes from leaked.
func verified(name tokens.Name, f tokens.Found, leaked []*tokens.Credential) proof {
	p := proof{id: name.ID}
	if p.id == "" {
		p.id = leaked[0].ID
	}
	switch {
	case len(f.Credentials) > 0:
		for _, c := range f.Credentials {
			p.status, p.reason = string(c.Status), refusal(c)
			if p.dead = p.reason != ""; !p.dead {
				return p
			}
		}
	case f.Err == nil, tokenctl.CodeOf(f.Err) == tokenctl.CodeNotFound, tokenctl.CodeOf(f.Err) == tokenctl.CodeChanged:
		p.dead, p.reason = true, "unknown" // verify says the same word
	default:
		p.reason = f.Err.Error()
	}
	return p
}

// merge returns everything that the owner holds or held: the old row of each ended credential, and the present
// row of each other credential. It counts the credentials that appeared after the first list.
func (n *incident) merge(before, after []*tokens.Credential, ended map[string]bool) (list []*tokens.Credential) {
	known := map[string]bool{}
	now := map[string]*tokens.Credential{}
	for _, c := range after {
		now[c.ID] = c
	}
	for _, c := range before {
		known[c.ID] = true
		if !ended[c.ID] {
			c = now[c.ID]
		}
		if c != nil {
			list = append(list, c)
		}
	}
	for _, c := range after {
		if !known[c.ID] {
			list = append(list, c)
			n.chosen.appeared++
		}
	}
	n.change.noteMeanwhile(n.chosen)
	return list
}

// remains computes the remaining exposures of an incident. If another signing key can end one of them, it also
// counts the users whom the change of the key would log out.
func (n *incident) remains(ctx context.Context, in tokens.Incident) (err error) {
	n.residual, err = db.Read(ctx, n.store, func(tx *db.Tx) ([]tokens.Exposure, error) { return tokens.Exposures(ctx, n.app.env(), tx, in) })
	if err != nil || n.keyCost != nil || !slices.ContainsFunc(n.residual, func(x tokens.Exposure) bool { return x.Lever.Name == tokens.LeverChangeKey }) {
		return err
	}
	n.keyCost, err = tokens.SignedUsers(ctx, n.app.env(), n.store)
	return err
}

// logsOut returns the number of users whom a lever logs out. It returns nil if the number is not known.
func (n *incident) logsOut(l tokens.Lever) *int {
	switch l.Name {
	case "":
		return nil
	case tokens.LeverChangeKey:
		return n.keyCost
	}
	one := 1
	return &one
}

// contained reports whether every row that the command should end is proved dead.
func (n *incident) contained() bool {
	if n.unproved {
		return false
	}
	proved := map[string]bool{}
	for _, p := range n.proof {
		if !p.dead {
			return false
		}
		proved[p.id] = true
	}
	for r := range n.chosen.refs.All() {
		id := r.ID()
		sameSecret := !n.given.IsZero() && n.isLeaked(id) && proved[n.leaked[0].ID]
		if !proved[id] && !sameSecret {
			return false
		}
	}
	return true
}
