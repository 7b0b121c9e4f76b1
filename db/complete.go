package db

import (
	"context"
	"strings"
)

// TokenOwners are the primary keys, with this prefix, of users who have a DRF
// token: what completes "drf:12".
func (s *Store) TokenOwners(ctx context.Context, prefix string, limit int) ([]string, error) {
	var keys []string
	return keys, s.Read(ctx, func(tx *Tx) error {
		t, u, err := tx.Layout.ownedCredentials("drf")
		if err != nil {
			return err
		}
		if u.KeyType == KeyUUID && s.Engine == SQLite {
			prefix = strings.ReplaceAll(prefix, "-", "")
		}
		q := &query{columns: []string{"cast(user_id as text)"}, from: t.SQL(), order: []string{"user_id"}, limit: limit}
		q.and("substr(cast(user_id as text), 1, %s) = %s", len([]rune(prefix)), prefix)
		return tx.each(ctx, q, func(r row) error {
			var key string
			err := r.Scan(&key)
			keys = append(keys, u.keyText(key))
			return err
		})
	})
}
