package commands

import (
	"context"
	"fmt"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// mintBatch is how many users get their tokens at once.
const mintBatch = 5000

// announced is how many new credentials, or users, are spoken of one by one.
const announced = 20

// minting is what mint does inside its transaction. It goes from batch to batch
// and keeps no credential, so that a million users take no more memory than
// their names.
type minting struct {
	*mintOptions
	kind     *tokens.Kind
	req      tokens.MintRequest
	who      audience
	selected bool // by flags, not by names
	meter    *progress
	stream   *mintedStream
	seen     map[string]bool // a name and a key may be the same user's

	made, inactive int
	first          []tokens.Minted
	created        []string
	leftOut        int             // by --staff, --superuser and --without
	missing        []string        // names and keys that are nobody's
	ambiguous      []db.Ambiguity  // names that several users have
	full           []string        // who can get no further one
	why            *tokenctl.Error // the reason of the first of them
}

// all makes the tokens of everybody and hands them over.
func (m *minting) all(ctx context.Context, tx *db.Tx) error {
	names, ids := m.names, m.userIDs
	if len(names)+len(ids) > mintBatch {
		if err := tx.Bulk(ctx); err != nil {
			return err
		}
	}
	for len(names)+len(ids) > 0 {
		n := min(len(names), mintBatch)
		k := min(len(ids), mintBatch-n)
		if err := m.batch(ctx, tx, names[:n], ids[:k]); err != nil {
			return err
		}
		names, ids = names[n:], ids[k:]
		m.meter.add(int64(n + k))
	}
	if refusal := m.refusal(); refusal != nil && (m.made == 0 || !m.keepGoing) {
		return refusal
	}
	if err := tx.CheckConstraints(ctx); err != nil || m.stream == nil {
		return err
	}
	return m.stream.deliver(ctx)
}

func (m *minting) batch(ctx context.Context, tx *db.Tx, names, ids []string) error {
	found, err := tx.FindUsers(ctx, names, ids)
	if err != nil {
		return err
	}
	if m.create && len(found.Missing) > 0 {
		var created []string
		if found, created, err = m.createMissing(ctx, tx, names, ids, found.Missing); err != nil {
			return err
		}
		m.created = append(m.created, created...)
	}
	m.refuse(found)
	users := found.Users
	if m.who.narrows && !m.selected {
		if users, err = m.who.among(ctx, tx, users); err != nil {
			return err
		}
		m.leftOut += len(found.Users) - len(users)
	}
	if users = m.unseen(users); len(users) == 0 || len(m.missing)+len(m.ambiguous) > 0 && !m.keepGoing {
		return nil
	}
	minted, refused, err := m.kind.MintAll(ctx, m.app.env(), tx, users, m.req)
	if err != nil {
		return err
	}
	m.bar(refused)
	return m.write(minted)
}

// refuse notes who is not exactly one user.
func (m *minting) refuse(found *db.Found) {
	m.missing = append(m.missing, found.Absent()...)
	m.ambiguous = append(m.ambiguous, found.Ambiguous...)
}

// bar notes who can get no further token.
func (m *minting) bar(refused []tokens.Refusal) {
	for _, r := range refused {
		if m.why == nil {
			m.why = r.Err
		}
		m.full = append(m.full, r.User.Username)
	}
}

// unseen returns the users who were in no batch before.
func (m *minting) unseen(users []db.User) []db.User {
	if m.selected {
		return users
	}
	var list []db.User
	for _, u := range users {
		if !m.seen[u.ID] {
			m.seen[u.ID] = true
			list = append(list, u)
		}
	}
	return list
}

func (m *minting) write(minted []tokens.Minted) (err error) {
	if m.stream == nil && len(minted) > 0 {
		if err := m.deliver.checkCount(len(minted)); err != nil {
			return err
		}
		one := len(minted) == 1 && !m.selected && len(m.names)+len(m.userIDs) <= mintBatch
		if m.stream, err = m.deliver.stream(m.kind.SecretNames(m.req.Type), one, false); err != nil {
			return err
		}
	}
	for i := range minted {
		if err := m.stream.add(&minted[i]); err != nil {
			return err
		}
		if m.made++; m.made <= announced {
			m.first = append(m.first, minted[i])
		}
		if minted[i].Status == tokens.Disabled {
			m.inactive++
		}
	}
	return nil
}

// refusal is the error about those who get no token; nil where all do.
func (m *minting) refusal() error {
	switch {
	case len(m.missing) > 0 && m.selected:
		return &tokenctl.Error{Code: tokenctl.CodeChanged, Message: "the set changed while you were looking at it: " + count(len(m.missing), "user") + " deleted", Hint: "nothing was done; run the command again"}
	case len(m.missing)+len(m.ambiguous) > 0:
		return db.RefuseUsers(m.ambiguous, m.missing)
	case len(m.full) > 0:
		return refusedAll(m.kind, m.full, m.why)
	}
	return nil
}

// refusedAll is the error about users who can get no further token.
func refusedAll(kind *tokens.Kind, names []string, why *tokenctl.Error) error {
	if len(names) == 1 {
		return why
	}
	return &tokenctl.Error{Code: tokenctl.CodeTokenExists, Message: strings.Join(names, ", ") + " have " + sated(kind),
		Hint: "nothing was changed; leave them out, as --keep-going does, or replace theirs with tokenctl rotate"}
}

// sated says what they have who can get no further token.
func sated(kind *tokens.Kind) string {
	if kind == tokens.DRF {
		return "drf tokens already"
	}
	return "as many " + kind.Title + " as they may"
}

// report says what was done, and ends the command with the status for partly
// done work where something was not.
func (m *minting) report() error {
	a := m.app
	if m.leftOut > 0 {
		a.say("passed over, not being meant by the flags: %s", count(m.leftOut, "user"))
	}
	if len(m.created) > announced {
		a.say("created %s, with unusable passwords", count(len(m.created), "user"))
	} else {
		for _, name := range m.created {
			a.say("created the user %s, with an unusable password", name)
		}
	}
	switch {
	case m.made > announced:
		a.say("minted %s", count(m.made, m.kind.Name+" token"))
		if m.inactive > 0 {
			a.say("note: %s inactive: the tokens do not work before that changes", plural(m.inactive, "user is", "users are"))
		}
	case m.made == 0:
		a.say("nothing to mint")
		return a.writeNone()
	default:
		for i := range m.first {
			a.announce("minted", &m.first[i])
		}
	}
	return m.partly()
}

// partly is the error that names those for whom nothing was done, though it was
// for others; nil where there are none.
func (m *minting) partly() error {
	if m.refusal() == nil {
		return nil
	}
	var reasons []string
	if err := db.RefuseUsers(m.ambiguous, m.missing); err != nil {
		reasons = append(reasons, err.Error())
	}
	if m.full != nil {
		reasons = append(reasons, refusedAll(m.kind, m.full, m.why).Error())
	}
	return &tokenctl.Error{Code: tokenctl.CodePartlyDone,
		Message: fmt.Sprintf("%d of %d were done; not done: %s", m.made, m.made+len(m.missing)+len(m.ambiguous)+len(m.full), strings.Join(reasons, "; "))}
}
