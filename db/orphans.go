package db

import "tokenctl/db/engine"

// Orphans are credentials whose user does not exist.

// orphans changes a query for credentials and their owners. The new query also returns the credentials whose
// user does not exist, or only these if only is true. Its last column is the primary key of the user that the
// row names.
func (l *Layout) orphans(q *engine.Query, t *Table, only bool) {
	u := t.Owner
	q.From = t.SQL() + " t left join " + u.From("u") + " on u." + engine.Quote(u.Key) + " = t.user_id"
	if only {
		q.Where = append(q.Where, "u."+engine.Quote(u.Key)+" is null")
	}
	q.Columns = append(q.Columns, "cast(t.user_id as text)")
}

// scanOwnerless reads the last column of orphans. It reports whether the owner in the row does not exist. If
// so, it sets the owner to the user that the row names.
func scanOwnerless(t *Table, r *engine.Row, owner *User) (orphan bool) {
	id, _ := r.TextOrNull()
	if orphan = owner.ID == ""; orphan {
		*owner = User{ID: t.Owner.keyText(id)}
	}
	return orphan
}

// ownerGone returns the condition that the user of a row does not exist. alias is the name of the row's table
// in the query.
func (t *Table) ownerGone(alias string) string {
	return "not exists (select 1 from " + t.Owner.From("u") + " where u." + engine.Quote(t.Owner.Key) + " = " + alias + ".user_id)"
}

// tokenGone returns the condition that the outstanding token of a row of the blacklist does not exist. alias
// is the name of the blacklist in the query.
func (l *Layout) tokenGone(alias string) string {
	return "not exists (select 1 from " + l.Outstanding().SQL() + " o where o.id = " + alias + ".token_id)"
}
