package db

import "tokenctl/db/engine"

// Orphans are credentials whose user does not exist.

// orphans changes a query for credentials and their owners into one that also has the credentials
// whose user does not exist, or only these. Its last column is the primary key of the user that the
// row names.
func (l *Layout) orphans(q *engine.Query, t *Table, only bool) {
	u := t.Owner
	q.From = t.SQL() + " t left join " + u.From("u") + " on u." + engine.Quote(u.Key) + " = t.user_id"
	if only {
		q.Where = append(q.Where, "u."+engine.Quote(u.Key)+" is null")
	}
	q.Columns = append(q.Columns, "cast(t.user_id as text)")
}

// scanOwnerless reads the last column of orphans, and returns whether the owner that was read does not
// exist: then the owner becomes the user that the row names.
func scanOwnerless(t *Table, r *engine.Row, owner *User) (orphan bool) {
	named := scanOrphan(t, r)
	if orphan = owner.ID == ""; orphan {
		*owner = named
	}
	return orphan
}

// scanOrphan reads the last column of a query of orphans.
func scanOrphan(t *Table, r *engine.Row) User {
	id, there := r.Maybe()
	if !there {
		return User{}
	}
	return User{ID: t.Owner.keyText(id)}
}

// ownerGone returns the condition that the user in user_id of a row with the alias does not exist.
func (t *Table) ownerGone(alias string) string {
	return "not exists (select 1 from " + t.Owner.From("u") + " where u." + engine.Quote(t.Owner.Key) + " = " + alias + ".user_id)"
}

// tokenGone returns the condition that the outstanding token in token_id of a row of the blacklist does not
// exist.
func (l *Layout) tokenGone(alias string) string {
	return "not exists (select 1 from " + l.Outstanding().SQL() + " o where o.id = " + alias + ".token_id)"
}
