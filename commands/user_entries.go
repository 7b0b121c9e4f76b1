package commands

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"tokenctl/db"
)

// userEntries are the users to create. The list has all of them. Only if a file has many users and they need no secrets,
// the file is read again instead.
type userEntries struct {
	list         []*userEntry
	count        int
	held         bool // the list keeps all users
	base         db.NewUser
	file         *csvFile
	keep         bool         // --keep-going: skip users who cannot be created
	skippedLines map[int]bool // the lines of users who are skipped
	skipErrors   []error      // why they are skipped
}

// entries returns the users of the command line or of the CSV file.
func (o *userCreateOptions) entries(file *csvFile) (*userEntries, error) {
	set, err := parseSet(o.set)
	if err != nil {
		return nil, err
	}
	base := db.NewUser{Email: o.email, FirstName: o.firstName, LastName: o.lastName,
		IsActive: !o.inactive, IsStaff: o.staff, IsSuperuser: o.superuser, Set: set}
	users := &userEntries{base: base, file: file, held: o.secrets() || o.app.asked(), keep: o.keepGoing, skippedLines: map[int]bool{}}
	for i, name := range o.names {
		n := &userEntry{NewUser: base, line: i}
		n.Username = name
		users.list = append(users.list, n)
	}
	return users, nil
}

// skip marks a user as skipped, and keeps the error. compact removes these users from the list.
func (u *userEntries) skip(n *userEntry, err error) {
	if u.skippedLines[n.line] {
		return
	}
	u.skippedLines[n.line] = true
	u.count--
	if err != nil {
		u.skipErrors = append(u.skipErrors, err)
	}
}

func (u *userEntries) compact() {
	u.list = slices.DeleteFunc(u.list, func(n *userEntry) bool { return u.skippedLines[n.line] })
}

// each calls do for every user, in the order of the description and without the users who are skipped.
func (u *userEntries) each(ctx context.Context, l *db.Layout, do func(*userEntry) error) error {
	f := func(n *userEntry) error {
		if u.skippedLines[n.line] {
			return nil
		}
		return do(n)
	}
	if u.file != nil {
		table, err := l.Users()
		if err != nil {
			return err
		}
		return u.file.each(ctx, table, u.base, f)
	}
	for _, n := range u.list {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := f(n); err != nil {
			return err
		}
	}
	return nil
}

// clean checks and normalises the users for the database's columns, and decides whether the list keeps them.
func (u *userEntries) clean(ctx context.Context, tx *db.Tx) error {
	defer u.compact()
	return u.each(ctx, tx.Layout, func(n *userEntry) error {
		err := n.fault
		if err == nil {
			err = cleanUser(tx.Layout, &n.NewUser, n.file == nil)
		}
		if err == nil {
			err = tx.CheckUser(&n.NewUser)
		}
		u.count++
		if err = prefixed(n.where(), err); err != nil && !u.keep {
			return err
		} else if err != nil {
			u.skip(n, err)
			return nil
		}
		if u.file == nil {
			return nil
		}
		if u.held = u.held || u.file.passwords; u.held || u.count <= db.BulkUsers {
			u.list = append(u.list, n)
		} else {
			u.list = nil
		}
		return nil
	})
}

// check returns the existing users who have the names of a part. If the database treats two of the names as equal, that
// is an error.
func (u *userEntries) check(ctx context.Context, tx *db.Tx, part []*userEntry) ([]db.Match, error) {
	found, repeated, err := tx.UsersNamed(ctx, usernames(part))
	if len(repeated) > 0 {
		second := slices.Min(slices.Collect(maps.Keys(repeated)))
		return nil, twice(part[repeated[second]], part[second])
	}
	return found, err
}

// existing returns the users in the database who have the names. visit, if not nil, is called with the entry of each.
func (u *userEntries) existing(ctx context.Context, tx *db.Tx, visit func(*userEntry)) (found []db.Match, err error) {
	return found, u.parts(ctx, tx.Layout, func(part []*userEntry) error {
		there, err := u.check(ctx, tx, part)
		found = append(found, there...)
		for _, m := range there {
			if visit != nil {
				visit(part[m.At])
			}
		}
		return err
	})
}

// among returns an error if one of the first n users has the same name as late.
func (u *userEntries) among(ctx context.Context, l *db.Layout, n int, name string, late *userEntry) error {
	if n == 0 {
		return nil
	}
	return u.each(ctx, l, func(earlier *userEntry) error {
		if n--; n < 0 {
			return nil
		}
		if err := cleanUser(l, &earlier.NewUser, false); err != nil {
			return err
		}
		if earlier.Username == name {
			return twice(earlier, late)
		}
		return nil
	})
}

// twice returns the error for a repeated name.
func twice(first, second *userEntry) error {
	if second.file == nil {
		if first.Username != second.Username {
			return usage(first.Username+" and "+second.Username+" are one name in this database", "")
		}
		return usage(second.Username+" is named twice", "")
	}
	return prefixed(second.where(), usage("the name is in "+strings.TrimSuffix(first.where(), ": ")+" already", ""))
}

// parts calls f for the users in the order in which they are written, some thousands at a time.
func (u *userEntries) parts(ctx context.Context, l *db.Layout, f func([]*userEntry) error) error {
	for part := range slices.Chunk(u.list, db.BulkUsers) {
		if err := f(part); err != nil {
			return err
		}
	}
	if u.list != nil {
		return nil
	}
	// The next part is read while f handles a part.
	var unread error
	for part := range ahead(func(yield func([]*userEntry) bool) { unread = u.readParts(ctx, l, yield) }) {
		if err := f(part); err != nil {
			return err
		}
	}
	return unread
}

// readParts yields the users in the order of the file.
func (u *userEntries) readParts(ctx context.Context, l *db.Layout, yield func([]*userEntry) bool) error {
	var part []*userEntry
	err := u.each(ctx, l, func(n *userEntry) error {
		if err := cleanUser(l, &n.NewUser, false); err != nil {
			return prefixed(n.where(), err)
		}
		if part = append(part, n); len(part) == db.BulkUsers {
			if !yield(part) {
				return context.Canceled
			}
			part = make([]*userEntry, 0, db.BulkUsers)
		}
		return nil
	})
	if err == nil && len(part) > 0 {
		yield(part)
	}
	return err
}

// ahead reads list one value ahead of its consumer.
func ahead[T any](list iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		values, stop := make(chan T), make(chan struct{})
		go func() {
			defer close(values)
			for v := range list {
				select {
				case values <- v:
				case <-stop:
					return
				}
			}
		}()
		// The reader must have ended when this function returns.
		defer func() {
			close(stop)
			for range values {
			}
		}()
		for v := range values {
			if !yield(v) {
				return
			}
		}
	}
}
