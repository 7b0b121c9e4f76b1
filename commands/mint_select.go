package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// selectUsers lists the users whom the flags select, shows them and asks. It reports whether
// there is something to do. The flags are applied here, once: the transaction that makes
// the tokens only checks that they still hold.
func (r *mintRun) selectUsers(ctx context.Context) (bool, error) {
	a, o := r.o.app, r.o
	matching, err := r.list(ctx)
	if err != nil {
		return false, err
	}
	if r.ids, err = r.able(ctx, matching); err != nil {
		return false, err
	}
	if n := len(matching) - len(r.ids); n > 0 {
		a.say("users who %s are skipped: %d", r.kind.Limit, n)
	}
	switch {
	case o.dryRun:
		return true, nil
	case len(r.ids) == 0 && o.consent.allowsNothing():
		a.say("nothing to mint in %s", a.databaseName())
		return false, a.writeNone()
	}
	return r.ask(ctx, "mint", matching, count(len(r.ids), r.kind.Noun()))
}

// ask shows the users and asks whether to go on. what is what they get. matching are all
// users whom the flags select.
func (r *mintRun) ask(ctx context.Context, verb string, matching []string, what string) (bool, error) {
	a, o := r.o.app, r.o
	if !o.consent.silent(a) {
		if err := r.preview(ctx); err != nil {
			return false, err
		}
	}
	asked, err := o.consent.obtain(ctx, a, verb, what, len(r.ids))
	if err != nil || !asked {
		return err == nil, err
	}
	// Time has passed while the person was reading.
	idsNow, err := r.list(ctx)
	shown := make(map[string]bool, len(matching))
	for _, id := range matching {
		shown[id] = true
	}
	for _, id := range idsNow {
		if !shown[id] {
			r.appeared++
		}
	}
	return err == nil, err
}

// list returns the primary keys of the users whom the flags select.
func (r *mintRun) list(ctx context.Context) (ids []string, err error) {
	filter := r.filter.Filter
	filter.Brief = true
	for u, err := range r.store.ListUsers(ctx, filter) {
		if err != nil {
			return nil, err
		}
		if !r.filter.owners[u.ID] {
			ids = append(ids, strings.Clone(u.ID)) // the key is a part of a much longer text
		}
	}
	return ids, nil
}

// able returns those of the users who can get a further token.
func (r *mintRun) able(ctx context.Context, ids []string) ([]string, error) {
	if r.kind.AtLimit == nil {
		return ids, nil
	}
	var able []string
	return able, r.store.Read(ctx, func(tx *db.Tx) error {
		for batch := range slices.Chunk(ids, tokens.MintBatch) {
			users := tokenctl.Mapped(batch, func(id string) db.User { return db.User{ID: id} })
			users, _, err := r.kind.BelowLimit(ctx, r.o.app.env(), tx, users)
			if err != nil {
				return err
			}
			able = append(able, db.IDsOf(users)...)
		}
		return nil
	})
}

// preview shows the first of the selected users on stderr, and how many more there are:
// nobody reads a million.
func (r *mintRun) preview(ctx context.Context) error {
	a := r.o.app
	w, err := output.NewWriter(a.remarks(), userColumns, a.previewOptions())
	if err != nil {
		return err
	}
	a.introduce("mint for")
	if err := r.show(ctx, w, r.ids[:min(len(r.ids), mostTold)]); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if more := len(r.ids) - mostTold; more > 0 {
		fmt.Fprintf(a.remarks(), "and %d more; --dry-run shows them\n", more)
	}
	return nil
}

// show writes a row for each of the users. No transaction is open while it writes.
func (r *mintRun) show(ctx context.Context, w *output.Writer, ids []string) error {
	for batch := range slices.Chunk(ids, tokens.MintBatch) {
		found, err := db.Read(ctx, r.store, func(tx *db.Tx) (*db.Found, error) { return tx.FindUsers(ctx, nil, batch) })
		if err != nil {
			return err
		}
		for i := range found.Users {
			if err := w.Write(userRow(&found.Users[i])); err != nil {
				return err
			}
		}
	}
	return nil
}

// showDryRun is the result of --dry-run: the users who would get a token.
func (r *mintRun) showDryRun(ctx context.Context) error {
	a := r.o.app
	ids := r.ids
	if !r.selected {
		ids = nil
		err := r.store.Read(ctx, func(tx *db.Tx) error {
			return r.eachBatch(ctx, tx, func(users []db.User) error {
				users, atLimit, err := r.kind.BelowLimit(ctx, a.env(), tx, users)
				r.addAtLimit(atLimit)
				ids = append(ids, db.IDsOf(users)...)
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	return r.writeDryRun(ctx, ids)
}

// writeDryRun writes the users who would get a token.
func (r *mintRun) writeDryRun(ctx context.Context, ids []string) error {
	a := r.o.app
	r.made = len(ids) + len(r.created)
	if err := r.failure(); err != nil {
		return err
	}
	w, err := output.NewWriter(a.Stdout, userColumns, a.options(false))
	if err != nil {
		return err
	}
	if err := r.show(ctx, w, ids); err != nil {
		return err
	}
	for _, name := range r.created {
		if err := w.Write(newUserRow(&db.NewUser{Username: name, IsActive: true})); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	a.sayAbsent(r.ignored)
	a.say("dry run: would mint %s for %s in %s, creating %s", count(r.made, r.kind.Noun()), count(r.made, "user"), a.databaseName(), count(len(r.created), "user"))
	return r.partly()
}
