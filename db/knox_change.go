package db

import (
	"context"
	"time"

	"tokenctl/django"
)

// ExpireKnoxTokens makes tokens expire, each at its own time. The statement names
// the rows as they were seen; one that is no longer like that is refused with
// CodeChanged.
func (tx *Tx) ExpireKnoxTokens(ctx context.Context, old []KnoxToken, at []time.Time) (Refusals, error) {
	ends := make([]any, len(at))
	for i, t := range at {
		ends[i] = tx.Layout.timeText(t.Truncate(time.Microsecond))
	}
	return tx.changeKnox(ctx, "update "+tx.Layout.Knox().SQL()+" as t set expiry = n.until from n where "+knoxUnchanged, nil, old,
		knoxVersion(old), given{"until", tx.Layout.Knox().Column("expiry"), ends})
}

// ReplaceKnoxTokens makes tokens that are still as they were seen, their expiry
// included, into others of the same owners, each with an expiry of its own; a zero
// one is never. It leaves the row that deleting the one and inserting the other
// would, but that columns which a project added keep what they hold.
func (tx *Tx) ReplaceKnoxTokens(ctx context.Context, old []KnoxToken, rows []django.KnoxRow, expires []time.Time) ([]KnoxToken, Refusals, error) {
	l, t := tx.Layout, tx.Layout.Knox()
	users := make([]User, len(old))
	ends := make([]any, len(old))
	for i := range old {
		users[i] = old[i].User
		ends[i] = ""
		if !expires[i].IsZero() {
			ends[i] = l.timeText(expires[i].Truncate(time.Microsecond))
		}
	}
	list, digests, keys, err := tx.newKnoxTokens(users, rows, func(i int) time.Time { return expires[i] })
	if err != nil {
		return nil, nil, err
	}
	until := "nullif(n.until, '')"
	if l.Engine == PostgreSQL {
		until = "cast(" + until + " as " + quote(t.Column("expiry").Type) + ")"
	}
	refused, err := tx.changeKnox(ctx, "update "+t.SQL()+" as t set digest = n.fresh, token_key = n.key, created = n.all, expiry = "+until+" from n where "+knoxUnchanged,
		l.timeArg(tx.Now), old, knoxVersion(old), given{"fresh", t.Column("digest"), digests}, given{"key", t.Column("token_key"), keys}, given{"until", &Column{Type: "text"}, ends})
	return list, refused, err
}

// DeleteKnoxTokens removes tokens. One that is gone or somebody else's is refused
// with CodeChanged. An expiry that AUTO_REFRESH has moved meanwhile must not save
// a token.
func (tx *Tx) DeleteKnoxTokens(ctx context.Context, old []KnoxToken) (Refusals, error) {
	return tx.changeKnox(ctx, "delete from "+tx.Layout.Knox().SQL()+" as t using n where "+knoxTheirs, nil, old)
}

// The conditions on a token that is the same user's, and has the same expiry.
const knoxTheirs = "t.digest = n.digest and t.user_id = n.owner"

var knoxUnchanged = knoxTheirs + " and " + knoxSeen("t.expiry") + " = n.version"

// knoxVersion are the expiries as they were seen.
func knoxVersion(old []KnoxToken) given {
	seen := make([]any, len(old))
	for i, t := range old {
		seen[i] = t.Seen
	}
	return given{"version", &Column{Type: "text"}, seen}
}

func (tx *Tx) changeKnox(ctx context.Context, text string, same any, old []KnoxToken, more ...given) (Refusals, error) {
	t := tx.Layout.Knox()
	users, digests := make([]User, len(old)), make([]any, len(old))
	for i, token := range old {
		users[i], digests[i] = token.User, token.Digest
	}
	owners, err := tx.Layout.keysOf(users)
	if err != nil {
		return nil, err
	}
	return tx.changeEach(ctx, change{text: text, same: same, places: knownPlaces(old, func(t *KnoxToken) Place { return t.Place }),
		each: append([]given{{"digest", t.Column("digest"), digests}, {"owner", t.Column("user_id"), owners}}, more...)},
		func(i int) error {
			return &django.Error{Code: django.CodeChanged, Message: "a knox token of " + old[i].User.Username + " was changed or deleted meanwhile",
				Hint: "nothing was done; look again with tokenctl list --user"}
		})
}

// DeleteKnoxToken is DeleteKnoxTokens for one.
func (tx *Tx) DeleteKnoxToken(ctx context.Context, old KnoxToken) error {
	return only(tx.DeleteKnoxTokens(ctx, []KnoxToken{old}))
}

// ExpireKnoxToken is ExpireKnoxTokens for one.
func (tx *Tx) ExpireKnoxToken(ctx context.Context, old KnoxToken, at time.Time) error {
	return only(tx.ExpireKnoxTokens(ctx, []KnoxToken{old}, []time.Time{at}))
}
