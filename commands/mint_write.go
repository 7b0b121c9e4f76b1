package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// mintRun is the state of one run of mint. Of the new credentials it keeps only the first few, so that a million
// users take no more memory than their names.
type mintRun struct {
	o       *mintOptions
	store   *db.Store
	kind    *tokens.Kind
	request tokens.MintRequest
	filter  userFilter
	create  bool

	names, ids []string        // of the users: as they were named, or of those whom flags select the ids
	selected   bool            // by flags, not by names
	seen       map[string]bool // the primary keys of the users of earlier batches

	lineOf   map[string]int  // of users, by primary key, in the file of --secrets-from
	provided []tokens.Minted // credentials whose secrets the operator brought

	meter     *progress
	stream    *mintedStream
	announced announcement
	made      int
	created   []string
	appeared  int             // users whom the flags select only since the others were shown
	excluded  int             // users whom the flags exclude
	missing   []string        // names and primary keys that no user has
	ignored   []string        // such ones with --ignore-missing
	ambiguous []db.Ambiguity  // names that several users have
	atLimit   []string        // users who can get no further token
	reason    *tokenctl.Error // why the first of them can get none
}

func (r *mintRun) count() int { return len(r.names) + len(r.ids) }

// absent counts the users who were named and cannot be found, or who were selected and are
// gone or changed.
func (r *mintRun) absent() int {
	n := len(r.missing) + len(r.ambiguous)
	if r.selected {
		n += r.excluded
	}
	return n
}

// write makes the tokens of all users and delivers them.
func (r *mintRun) write(ctx context.Context, tx *db.Tx) error {
	if r.count() > tokens.MintBatch {
		if err := tx.Bulk(ctx); err != nil {
			return err
		}
	}
	err := r.eachBatch(ctx, tx, func(users []db.User) error {
		minted, atLimit, err := r.kind.MintBelowLimit(ctx, r.o.app.env(), tx, users, r.request)
		if err != nil {
			return err
		}
		r.addAtLimit(atLimit)
		r.meter.add(int64(len(users)))
		return r.add(minted)
	})
	if err == nil {
		err = r.failure()
	}
	if err == nil {
		err = tx.CheckConstraints(ctx)
	}
	if err != nil || r.stream == nil {
		return err
	}
	return r.stream.deliver(ctx)
}

// add writes new tokens and counts them.
func (r *mintRun) add(minted []tokens.Minted) (err error) {
	if r.stream == nil && len(minted) > 0 {
		if err := r.o.deliver.checkCount(len(minted)); err != nil {
			return err
		}
		single := len(minted) == 1 && !r.selected && r.count() <= tokens.MintBatch
		if r.stream, err = r.o.deliver.stream(r.kind.SecretNames(r.request.Type), single, false); err != nil {
			return err
		}
	}
	for i := range minted {
		if err := r.stream.add(&minted[i]); err != nil {
			return err
		}
		r.announced.add(&minted[i])
		r.made++
	}
	return nil
}

// record records the users who are created, those who get no token, and the new credentials.
func (r *mintRun) record() {
	a := r.o.app
	a.record(func(add func(recordedRow)) {
		for _, name := range r.created {
			add(recordedRow{action: "create", outcome: rowDone, kind: "user", user: &db.User{Username: name}})
		}
		for _, name := range slices.Concat(r.missing, r.atLimit) {
			add(recordedRow{action: "mint", outcome: "not done", user: &db.User{Username: name}})
		}
	})
	a.recordMinted(&r.announced)
}

// addAtLimit keeps the users who can get no further token, and the reason of the first of them.
func (r *mintRun) addAtLimit(list []tokens.UserAtLimit) {
	if r.reason == nil && len(list) > 0 {
		r.reason = list[0].Err
	}
	for i := range list {
		r.atLimit = append(r.atLimit, list[i].User.Username)
	}
}

// problems are the errors about those who get no token.
func (r *mintRun) problems() (list []error) {
	if r.selected && r.absent() > 0 {
		list = append(list, &tokenctl.Error{Code: tokenctl.CodeChanged, Message: count(r.absent(), "selected user") + " changed or deleted since the selection was made",
			Hint: "nothing was done; run the command again"})
	} else if err := db.UserLookupError(r.ambiguous, r.missing); err != nil {
		list = append(list, err)
	}
	switch len(r.atLimit) {
	case 0:
	case 1:
		list = append(list, r.reason)
	default:
		list = append(list, &tokenctl.Error{Code: tokenctl.CodeTokenExists, Message: "these users " + r.kind.Limit + ": " + firstOf(r.atLimit, ", "),
			Hint: "nothing was changed; leave them out, as --keep-going does, or replace theirs with tokenctl rotate"})
	}
	return list
}

// failure is the error that ends the command; nil if the command goes on.
func (r *mintRun) failure() error {
	list := r.problems()
	if list == nil || r.o.keepGoing && r.made > 0 {
		return nil
	}
	return list[0]
}

// partly is the error about those who got no token although others did; nil if there are
// none.
func (r *mintRun) partly() error {
	problems := r.problems()
	if problems == nil {
		return nil
	}
	reasons := tokenctl.Mapped(problems, error.Error)
	return &tokenctl.Error{Code: tokenctl.CodePartlyDone,
		Message: fmt.Sprintf("%d of %d were done; not done: %s", r.made, r.made+r.absent()+len(r.atLimit), strings.Join(reasons, "; "))}
}

// tell says what was done. If something was not, it returns the error for partly done
// work.
func (r *mintRun) tell() error {
	a := r.o.app
	if r.excluded > 0 && !r.selected {
		a.say("%s: the flags exclude them", plural(r.excluded, "named user was skipped", "named users were skipped"))
	}
	a.sayAbsent(r.ignored)
	if r.appeared > 0 {
		a.say("note: %s no token", plural(r.appeared, "user appeared since you were asked, and gets", "users appeared since you were asked, and get"))
	}
	if len(r.created) > mostTold {
		a.say("created %s, with unusable passwords", count(len(r.created), "user"))
	} else {
		for _, name := range r.created {
			a.say("created the user %s, with an unusable password", name)
		}
	}
	if r.made == 0 {
		a.say("nothing to mint in %s", a.databaseName())
		return a.writeNone()
	}
	r.announced.tell(a)
	a.sayDone(r.made, "minted", r.announced.kindCounts.String())
	return r.partly()
}
