package commands

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// importTokens gives users' drf tokens rows of knox. No secret is made, and none
// leaves the database.
func (r *mintRun) importTokens(ctx context.Context) error {
	a, o := r.o.app, r.o
	r.kind = importing()
	switch {
	case o.kind != "" && o.kind != r.kind.Name:
		return usage("--import-drf makes "+r.kind.Title, "add --kind "+r.kind.Name)
	case o.keepGoing:
		return usage("--import-drf imports the tokens of all users that it is given, or none", "leave out --keep-going")
	case r.create:
		return usage("--import-drf is for users who have a drf token already", "leave out --create and --init")
	case o.deliver.out != "" || o.deliver.format != "":
		return usage("--import-drf makes no new secret", "leave out --out and --format")
	case o.tokenType != "" || o.claims != nil || o.force:
		return usage(r.kind.Title+" have no type, no claims and no signature", "leave out --type, --claim and --force")
	}
	store, err := a.open()
	if err != nil {
		return err
	}
	layout, err := store.Layout(ctx)
	if err == nil {
		err = r.kind.Check(layout)
	}
	if err != nil {
		return err
	}
	lifetime, err := o.lifetime.resolve(store.Now())
	if err != nil {
		return err
	}
	// The clients that go on using a drf key expect what they had.
	implied := lifetime == tokens.Lifetime{}
	if implied {
		lifetime.By = tokens.Never
	}
	r.request.Lifetime = lifetime
	if r.request.Further, err = parseSet(o.set); err != nil {
		return err
	}
	r.store = store
	if r.filter, err = o.filter.resolve(ctx, a, store, layout); err != nil {
		return err
	}
	if r.selected {
		if goOn, err := r.selectKeyed(ctx); !goOn {
			return err
		}
	}
	var list []tokens.Imported
	var keyless []string
	find := func(tx *db.Tx) error {
		if !o.dryRun && r.count() > tokens.MintBatch {
			if err := tx.Bulk(ctx); err != nil {
				return err
			}
		}
		err := r.eachBatch(ctx, tx, func(users []db.User) error {
			imported, without, err := r.kind.ImportDRF(ctx, a.env(), tx, users, r.request, o.dryRun)
			list = append(list, imported...)
			for i := range without {
				keyless = append(keyless, without[i].Username)
			}
			return err
		})
		if err == nil {
			err = r.failure()
		}
		if err != nil {
			return err
		}
		if list == nil && keyless != nil {
			return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "there is no drf token of " + firstOf(keyless, ", "), Hint: "tokenctl list --kind drf shows who has one"}
		}
		if o.dryRun {
			return nil
		}
		if err := tx.CheckConstraints(ctx); err != nil {
			return err
		}
		return a.writeNow(ctx, credentialColumns, rowsOf(list, importedRow), len(list) == 1)
	}
	if !o.dryRun && !r.selected {
		if err := o.consent.obtainNamed(ctx, a, "import", count(r.count(), "drf token"), r.count()); err != nil {
			return err
		}
	}
	a.record(func(add func(recordedRow)) {
		for i := range list {
			if c := &list[i]; c.Fresh {
				add(recordedRow{action: "mint", outcome: rowDone, kind: c.Kind, id: c.ID, user: &c.Owner, created: c.Created, expires: c.Expires})
			}
		}
	})
	if o.dryRun {
		if err := store.Read(ctx, find); err != nil {
			return err
		}
		if err := a.write(credentialColumns, rowsOf(list, importedRow), len(list) == 1); err != nil {
			return err
		}
	} else if err := store.Write(ctx, find); err != nil {
		return err
	}
	a.sayAbsent(r.ignored)
	o.tellImport(list, keyless, implied)
	return nil
}

// selectKeyed lists the users whom the flags select and who have a drf token, shows them and
// asks. It reports whether there is something to do.
func (r *mintRun) selectKeyed(ctx context.Context) (bool, error) {
	a, o := r.o.app, r.o
	matching, err := r.list(ctx)
	if err != nil {
		return false, err
	}
	err = r.store.Read(ctx, func(tx *db.Tx) error {
		for batch := range slices.Chunk(matching, tokens.MintBatch) {
			found, err := tx.FindUsers(ctx, nil, batch)
			if err != nil {
				return err
			}
			imported, _, err := r.kind.ImportDRF(ctx, a.env(), tx, found.Users, r.request, true)
			if err != nil {
				return err
			}
			for i := range imported {
				r.ids = append(r.ids, imported[i].Owner.ID)
			}
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	r.ids = dedupe(r.ids) // a user may have several
	if n := len(matching) - len(r.ids); n > 0 {
		a.say("users without a drf token are skipped: %d", n)
	}
	switch {
	case len(r.ids) == 0 && o.consent.allowsNothing():
		a.say("nothing to import in %s", a.databaseName())
		return false, a.writeNone()
	case o.dryRun:
		return true, nil
	}
	return r.ask(ctx, "import", matching, "the drf tokens of "+count(len(r.ids), "user"))
}

// importing is the kind that takes over drf tokens.
func importing() *tokens.Kind {
	kinds := tokens.Kinds()
	return kinds[slices.IndexFunc(kinds, func(k *tokens.Kind) bool { return k.ImportDRF != nil })]
}

func importedRow(c *tokens.Imported) []output.Value { return credentialRow(&c.Credential) }

func (o *mintOptions) tellImport(list []tokens.Imported, keyless []string, implied bool) {
	a := o.app
	fresh, verb := 0, "imported"
	if o.dryRun {
		verb = "would import"
	}
	for _, c := range list {
		told := len(list) <= mostTold
		if !c.Fresh {
			if told {
				a.say("%s of %s is there already", c.ID, c.Owner.Username)
			}
			continue
		}
		fresh++
		if told && !o.dryRun {
			a.say("imported the drf token of %s as %s, which %s", c.Owner.Username, c.ID, a.ends(&c.Credential))
		}
	}
	if keyless != nil {
		a.say("users without a drf token are skipped: %s", firstOf(keyless, ", "))
	}
	said := verb + " " + count(fresh, "drf token") + " in " + a.databaseName()
	if o.dryRun {
		said = "dry run: " + said
	}
	if fresh < len(list) {
		said += "; " + strconv.Itoa(len(list)-fresh) + " there already"
	}
	a.say("%s", said)
	if fresh > 0 && implied {
		a.say("note: they never expire, as drf tokens; --ttl gives them an end")
	}
	if theirs, ours := a.settings.TokenKeyword(), a.settings.Knox.HeaderPrefix(); !strings.EqualFold(theirs, ours) {
		note := ""
		switch {
		case a.settings.DRF.Keyword == "":
			note = " (Token is the default of rest_framework.authtoken: no setting says otherwise)"
		case a.settings.Knox.AuthHeaderPrefix == "":
			note = " (Token is knox's default: no setting says otherwise)"
		}
		a.say("note: clients send them behind %s, but knox takes tokens behind %s%s", theirs, ours, note)
	}
	if fresh > 0 && !o.dryRun {
		a.say("note: such a token now stands in two tables: blacklist - with the secret removes it from both, an id from one")
	}
}
