package commands

import (
	"context"
	"slices"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// find finds what leaked, its owner, and all that the owner holds. there is false if
// --ignore-missing allows that it is not there.
func (n *incident) find(ctx context.Context, refs []reference) (there bool, err error) {
	if refs != nil {
		err = n.findCredential(ctx, refs)
	} else {
		err = n.findUser(ctx)
	}
	switch code := tokenctl.CodeOf(err); {
	case n.o.ignoreMissing && (code == tokenctl.CodeNotFound || code == tokenctl.CodeUserNotFound):
		n.app.say("nothing to contain: it is not there")
		return false, n.app.writeNone()
	case err != nil:
		return false, err
	}
	n.held, err = n.list(ctx)
	return true, err
}

// findCredential finds the one credential that was named. Other lines of standard input may
// hold no secret.
func (n *incident) findCredential(ctx context.Context, refs []reference) error {
	return n.store.Read(ctx, func(tx *db.Tx) error {
		list, err := n.app.lookUp(ctx, tx, refs)
		if err != nil {
			return err
		}
		found, missing, err := resolve(list)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return offences(missing)
		}
		for _, o := range missing {
			n.app.say("note: %s", o.err.Message)
		}
		secrets := 0
		for i := range list {
			if secrets += len(list[i].secrets); list[i].secrets != nil {
				n.given = list[i].given[0]
			}
		}
		if secrets > 1 && len(found) > 1 {
			return usage("incident is about one credential, and this is several: "+found[0].ID+" and "+found[1].ID, "run it for each of them")
		}
		n.leaked = found // two, if a drf key was imported into knox
		n.users = tokens.OwnersOf(tx.Layout, found[0].Of())
		return n.readOwner(ctx, tx, found[0].Owner.ID)
	})
}

// findUser finds the user of --user or --user-id.
func (n *incident) findUser(ctx context.Context) error {
	if _, err := n.app.kindsOfUsers(ctx, n.store, nil); err != nil {
		return err
	}
	return n.store.Read(ctx, func(tx *db.Tx) error {
		users, err := n.o.users.find(ctx, tx)
		if err != nil {
			return err
		}
		n.users = tx.Layout.User
		return n.readOwner(ctx, tx, users[0].ID)
	})
}

// readOwner reads the owner and the owner's rights.
func (n *incident) readOwner(ctx context.Context, tx *db.Tx, id string) error {
	if id == "" || n.users == nil {
		return nil
	}
	list, err := tx.OwnersWithIDs(ctx, n.users, []string{id})
	if err != nil || list == nil {
		return err
	}
	n.owner = &list[0]
	n.rights, err = tx.RightsOf(ctx, n.users, n.owner)
	return err
}

// list lists all that the owner holds.
func (n *incident) list(ctx context.Context) (held []*tokens.Credential, err error) {
	if n.owner == nil {
		return nil, nil
	}
	layout, err := n.store.Layout(ctx)
	if err != nil {
		return nil, err
	}
	sel := tokens.Selector{Kinds: tokens.HeldBy(layout, n.users), UserIDs: []string{n.owner.ID}, PassedOver: new(int), Unreadable: new(int), Compare: true}
	if len(sel.Kinds) == 0 {
		return nil, nil
	}
	var names []tokens.Name
	for c, err := range tokens.List(ctx, n.app.env(), n.store, sel) {
		if err != nil {
			return nil, err
		}
		if !c.Nameless() {
			held, names = append(held, &c), append(names, tokens.Name{ID: c.ID})
		}
	}
	n.app.noteSkipped(sel)
	return held, n.store.Read(ctx, func(tx *db.Tx) error { return n.check(ctx, tx, held, names) })
}

// check checks the signatures of what a list showed: a list does not.
func (n *incident) check(ctx context.Context, tx *db.Tx, held []*tokens.Credential, names []tokens.Name) error {
	found, err := tokens.Find(ctx, n.app.env(), tx, names)
	for i, f := range found {
		if len(f.Credentials) == 1 {
			held[i] = f.Credentials[0]
		}
	}
	return err
}

// reach are the credentials of the owner besides what leaked.
func (n *incident) reach() (list []*tokens.Credential) {
	for _, c := range n.held {
		if !n.isLeaked(c.ID) {
			list = append(list, c)
		}
	}
	return list
}

func (n *incident) isLeaked(id string) bool {
	return slices.ContainsFunc(n.leaked, func(c *tokens.Credential) bool { return c.ID == id })
}
