package audit

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// users checks the rules about users.
func (r *run) users(layout *db.Layout) error {
	if !r.any("known-password", "duplicate-username", "weak-hash") {
		return nil
	}
	if _, err := layout.UserTable(); err != nil {
		return r.unless(err, "", "known-password", "duplicate-username", "weak-hash")
	}
	for _, part := range []struct {
		id    string
		check func(*Rule, *db.Layout) error
	}{{"duplicate-username", r.duplicates}, {"weak-hash", r.hashes}, {"known-password", r.passwords}} {
		if rule := r.rule(part.id); rule != nil {
			if err := r.unless(part.check(rule, layout), "the users", part.id); err != nil {
				return err
			}
		}
	}
	return nil
}

// owners returns the filter for the users whose credentials are selected.
func (r *run) owners() db.Filter {
	f := db.Filter{UserIDs: r.Selector.UserIDs, Staff: r.Selector.Staff, Superuser: r.Selector.Superuser}
	if r.Selector.Inactive != nil {
		active := !*r.Selector.Inactive
		f.Active = &active
	}
	return f
}

func (r *run) duplicates(rule *Rule, l *db.Layout) error {
	if r.Narrowed { // other users of the same name may not be selected
		return nil
	}
	var list []db.SharedName
	err := r.readAll(func(tx *db.Tx) (err error) {
		list, err = tx.UsersOfSharedNames(r.ctx)
		return err
	})
	for _, s := range list {
		r.find(Finding{Rule: rule, User: s.Name, Message: number(len(s.IDs), "user has", "users have") + " this name, with the ids " + firstIDs(s.IDs) + ": the application cannot tell them apart when they log in"})
	}
	return err
}

// firstIDs returns the first of many ids as one text.
func firstIDs(ids []string) string {
	const most = 20
	if len(ids) > most {
		return words(ids[:most]) + " and more"
	}
	return words(ids)
}

// hashes reports the passwords that are easy to guess from their hashes.
func (r *run) hashes(rule *Rule, l *db.Layout) error {
	iterations, err := r.iterations()
	if err != nil {
		return err
	}
	usual := "" // the beginning of most hashes, which the application makes today
	if iterations > 0 {
		usual = fmt.Sprintf("%s$%d$", tokenctl.PBKDF2SHA256, iterations)
	}
	for u, err := range r.store.WeaklyHashedUsers(r.ctx, r.owners(), usual) {
		if err != nil {
			return err
		}
		if why := django.WeakHash(u.Start, u.Length, iterations); why != "" {
			r.find(Finding{Rule: rule, User: strings.Clone(u.Username), UserID: strings.Clone(u.ID), Message: "the password's hash is " + why + ": who gets it finds the password soon",
				Fix: r.fix("user password " + tokens.UserArgument(l.User, &u.User, ""))})
		}
	}
	return nil
}

// iterations returns the number of iterations of the application's PBKDF2 hasher: from its setting, from its
// release, or from the hashes of the newest users. It returns 0 if none of them tells the number.
func (r *run) iterations() (n int, err error) {
	s := r.env.Settings
	if release := s.Peers.Django; s.Auth.PBKDF2Iterations == 0 && release != "" {
		return django.DefaultPBKDF2Iterations(string(release)), nil
	}
	return n, r.store.Read(r.ctx, func(tx *db.Tx) error {
		h, source, err := tokens.PasswordHasher(r.ctx, s, tx)
		if source != tokens.DefaultHasher {
			n = h.Iterations
		}
		return err
	})
}

// passwords tries each password of the list on every account. It uses all cores.
func (r *run) passwords(rule *Rule, l *db.Layout) error {
	if r.Passwords == nil {
		return nil
	}
	if l.User.PasswordsHidden() {
		r.skip(rule.ID, "the database role cannot read password hashes")
		return nil
	}
	var accounts int64
	filter := r.owners()
	for u, err := range r.store.ListUsers(r.ctx, filter) {
		if err != nil {
			return err
		}
		if u.HasUsablePassword() {
			accounts++
		}
	}
	done := func() {}
	if r.Checking != nil {
		done = r.Checking(accounts * int64(len(r.Passwords)))
	}
	ctx, stop := context.WithCancel(r.ctx)
	defer stop()
	work := make(chan db.User)
	var mu sync.Mutex
	var group sync.WaitGroup
	var found atomic.Bool
	known := map[string]bool{}
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for u := range work {
				if hasOneOf(ctx, &u, r.Passwords, done) {
					found.Store(true)
					mu.Lock()
					known[u.ID] = true
					mu.Unlock()
				}
			}
		})
	}
	// The check of a password takes long, so the users come from a list that is read in pages.
	var err error
	for u, failed := range r.store.ListUsers(ctx, filter) {
		if err = failed; err != nil {
			break
		}
		if u.HasUsablePassword() {
			select {
			case work <- u:
			case <-ctx.Done():
			}
		}
		if err = context.Cause(ctx); err != nil {
			break
		}
	}
	close(work)
	group.Wait()
	if err != nil || !found.Load() {
		return err
	}
	for u, err := range r.store.ListUsers(ctx, filter) {
		if err != nil {
			return err
		}
		if known[u.ID] {
			r.find(Finding{Rule: rule, User: strings.Clone(u.Username), UserID: strings.Clone(u.ID), Message: "the password is in the list: everybody who has the list can log in",
				Fix: r.fix("user password " + tokens.UserArgument(l.User, &u, ""))})
		}
	}
	return nil
}

// hasOneOf reports whether a user has one of the passwords.
func hasOneOf(ctx context.Context, u *db.User, list []tokenctl.Secret, done func()) (has bool) {
	for _, p := range list {
		if ctx.Err() != nil {
			return false
		}
		has = has || u.HasPassword(p.Reveal())
		done()
	}
	return has
}
