package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// blacklist can select everything that users hold. If a denylist is configured, blacklist then also ends the
// credentials without a row: an entry for each user makes void every JWT that the user got until now.

// canVoid reports whether one of the selected kinds can make credentials without a row void. A nil list selects
// all kinds.
func (a *App) canVoid(kinds []*tokens.Kind) bool {
	return slices.ContainsFunc(tokens.Kinds(), func(k *tokens.Kind) bool {
		return k.Void != nil && k.Voids(a.env()) && (kinds == nil || slices.Contains(kinds, k))
	})
}

// usersToVoid returns the users of --user and --user-id, if blacklist also makes their JWTs void in the
// denylist. blacklist does so if no other flag except --kind selects.
func (f *credentialChange) usersToVoid(c *cobra.Command, store *db.Store, sel *tokens.Selector) ([]db.User, error) {
	narrowed := slices.ContainsFunc(selectorNames, func(name string) bool {
		return name != "user" && name != "user-id" && name != "kind" && c.Flags().Changed(name)
	})
	if f.verb != "blacklist" || f.selectsFindings() || narrowed || len(f.selector.users)+len(f.selector.userIDs) == 0 || !f.app.canVoid(sel.Kinds) {
		return nil, nil
	}
	return db.Read(c.Context(), store, func(tx *db.Tx) ([]db.User, error) {
		found, err := tx.FindUsers(c.Context(), nil, sel.UserIDs)
		if err != nil {
			return nil, err
		}
		return found.Users, nil
	})
}

// voiding returns the note about the JWTs that a change makes void in the denylist. The note is empty if there
// are no such users.
func (s *selection) voiding() string {
	switch len(s.usersToVoid) {
	case 0:
		return ""
	case 1:
		return "every JWT that " + whose(&s.usersToVoid[0]) + " got until now becomes void in the denylist, also access tokens"
	}
	return fmt.Sprintf("every JWT that %d users got until now becomes void in the denylist, also access tokens", len(s.usersToVoid))
}

// void makes void the credentials without a row that the users of a selection hold. With --keep-going, a
// denylist that does not answer or denies access is an offence for each user, and no error.
func (f *credentialChange) void(ctx context.Context, tx *db.Tx, s *selection) error {
	s.voided = nil
	if s.usersToVoid == nil {
		return nil
	}
	for _, k := range tokens.Kinds() {
		if k.Void == nil || !k.Voids(f.app.env()) {
			continue
		}
		voided, err := k.Void(ctx, f.app.env(), tx, s.usersToVoid, &s.refs)
		var e *tokenctl.Error
		if errors.As(err, &e) && f.keepGoing && (e.Code == tokenctl.CodeDenylistUnreachable || e.Code == tokenctl.CodeDenylistDenied) {
			for i := range s.usersToVoid {
				s.missing = append(s.missing, offence{line: whose(&s.usersToVoid[i]), err: &tokenctl.Error{Code: e.Code, Hint: e.Hint,
					Message: "the access tokens of " + whose(&s.usersToVoid[i]) + " live on until they expire: " + e.Message}})
			}
			continue
		}
		if err != nil {
			return err
		}
		s.voided = append(s.voided, voided...)
	}
	return nil
}

// tellVoided says for each user that the JWTs of the user became void. For many users it says only their
// number.
func (f *credentialChange) tellVoided(s *selection) {
	a := f.app
	if len(s.voided) > mostTold {
		a.say("made void what %s got until now; tokenctl denylist list shows the entries", count(len(s.voided), "user"))
		return
	}
	for i := range s.voided {
		v := &s.voided[i]
		a.say("made void every JWT that %s got until now: the entry %s of the denylist", whose(&v.User), v.ID)
	}
}
