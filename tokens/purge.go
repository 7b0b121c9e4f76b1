package tokens

import (
	"context"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db"
)

// PurgeRequest selects the rows to purge.
type PurgeRequest struct {
	Now     time.Time
	Before  time.Time // purge the rows that expired before this time; never in the future
	UserIDs []string  // owners, by primary key; nil: everybody
}

// Purge deletes rows that Expired has yielded, if they still count as expired. It returns the number of deleted
// rows.
func (k *Kind) Purge(ctx context.Context, env Env, tx *db.Tx, rows []db.Ref, r PurgeRequest) (int64, error) {
	if k == JWT {
		r.Before = purgeJWTBefore(env, r)
	}
	return tx.DeleteExpired(ctx, k.Name, rows, r.Before)
}

// purgeJWTBefore returns the time before which a token must have expired. It keeps the tokens that the
// application still accepts because of LEEWAY.
func purgeJWTBefore(env Env, req PurgeRequest) time.Time {
	alive := req.Now.Add(-jwtSettings(env).Leeway.Duration)
	if req.Before.Before(alive) {
		return req.Before
	}
	return alive
}

// NothingToPurge returns the CodeTableMissing error for a database without tables of credentials that expire.
func NothingToPurge() error {
	titles := tokenctl.Mapped(KindsThatCan("purge"), func(k *Kind) string { return k.Title })
	return &tokenctl.Error{Code: tokenctl.CodeTableMissing, Message: "the database has no tables of " + strings.Join(titles, ", ") + ": there is nothing that could expire",
		Hint: "check that this is the application's database: tokenctl doctor; for another schema give --schema"}
}
