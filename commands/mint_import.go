package commands

import (
	"context"
	"strconv"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// importTokens gives users' drf tokens rows of knox. No secret is made, and none
// leaves the database.
func (o *mintOptions) importTokens(ctx context.Context) error {
	a := o.app
	switch {
	case o.kind != "" && o.kind != tokens.Knox.Name:
		return usage("--import-drf makes knox tokens", "add --kind knox")
	case o.selector.picks || o.keepGoing:
		return usage("--import-drf takes names", "leave out --all-users, --staff, --superuser, --without and --keep-going")
	case o.create || o.init:
		return usage("--import-drf is for users who have a drf token already", "leave out --create and --init")
	case o.deliver.out != "" || o.deliver.format != "":
		return usage("--import-drf makes no new secret", "leave out --out and --format")
	case o.tokenType != "" || o.claims != nil || o.force:
		return usage("knox tokens have no type, no claims and no signature", "leave out --type, --claim and --force")
	}
	store, err := a.open()
	if err != nil {
		return err
	}
	life, err := o.life.resolve(store.Now())
	if err != nil {
		return err
	}
	// The clients that go on using a drf key expect what they had.
	implied := life == tokens.Life{}
	life.Never = life.Never || implied
	var list []tokens.Imported
	var without []db.User
	find := func(tx *db.Tx) error {
		found, err := tx.FindUsers(ctx, o.names, o.userIDs)
		if err == nil {
			err = found.Refusal()
		}
		if err != nil {
			return err
		}
		if list, without, err = tokens.ImportDRF(ctx, a.env(), tx, found.Users, life, o.dryRun); err != nil {
			return err
		}
		if len(list) == 0 {
			return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "there is no drf token of " + names(without), Hint: "tokenctl list --kind drf shows who has one"}
		}
		if err := tx.CheckConstraints(ctx); err != nil || o.dryRun {
			return err
		}
		columns, rows := importedRows(list)
		return a.writeNow(ctx, columns, rows, len(rows) == 1)
	}
	if o.dryRun {
		if err := store.Read(ctx, find); err != nil {
			return err
		}
		columns, rows := importedRows(list)
		if err := a.write(columns, rows, len(rows) == 1); err != nil {
			return err
		}
	} else if err := store.Write(ctx, find); err != nil {
		return err
	}
	o.reportImport(list, without, implied)
	return nil
}

func importedRows(list []tokens.Imported) ([]output.Column, [][]output.Value) {
	var rows [][]output.Value
	for i := range list {
		rows = append(rows, credentialRow(&list[i].Credential))
	}
	return credentialColumns, rows
}

func names(users []db.User) string {
	var list []string
	for _, u := range users {
		list = append(list, u.Username)
	}
	return strings.Join(list, ", ")
}

func (o *mintOptions) reportImport(list []tokens.Imported, without []db.User, implied bool) {
	a := o.app
	fresh, verb := 0, "imported"
	if o.dryRun {
		verb = "would import"
	}
	for _, c := range list {
		if !c.Fresh {
			a.say("%s of %s is there already", c.ID, c.Owner.Username)
			continue
		}
		fresh++
		if !o.dryRun {
			a.say("imported the drf token of %s as %s", c.Owner.Username, c.ID)
		}
	}
	if without != nil {
		a.say("passed over, having no drf token: %s", names(without))
	}
	said := verb + " " + count(fresh, "drf token")
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
		a.say("note: clients send them behind %s, but knox takes tokens behind %s", theirs, ours)
	}
	if fresh > 0 && !o.dryRun {
		a.say("note: such a token now stands in two tables: blacklist - with the secret removes it from both, an id from one")
	}
}
