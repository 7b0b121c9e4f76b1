package db

import (
	"tokenctl"
	"tokenctl/db/engine"
)

// exactly returns the rows of q whose key is one of the secrets, in the order of the secrets, and nil for
// a secret without a row. It compares keys exactly, whatever the column's collation is.
func exactly[T any](tx *Tx, q *engine.Query, key string, secrets []tokenctl.Secret, read func(*engine.Query) ([]T, error), keyOf func(*T) tokenctl.Secret) ([]*T, error) {
	found := make([]*T, len(secrets))
	texts := make([]any, 0, len(secrets))
	for _, s := range secrets {
		if text := s.Reveal(); text != "" && engine.Storable(text) {
			texts = append(texts, text)
		}
	}
	if len(texts) == 0 {
		return found, nil
	}
	q.Among(tx.Layout.Engine, key, "text", texts)
	q.PageBy, q.Most = "", len(texts) // the secrets decide the order
	rows, err := read(q)
	if err != nil {
		return nil, err
	}
	byKey := make(map[string]*T, len(rows))
	for i := range rows {
		byKey[keyOf(&rows[i]).Reveal()] = &rows[i]
	}
	for i, s := range secrets {
		if row := byKey[s.Reveal()]; row != nil && keyOf(row).Equal(s) {
			found[i] = row
		}
	}
	return found, nil
}

// anys returns the results of calling of with each element of list, as parameters.
func anys[T any](list []T, of func(*T) any) []any {
	values := make([]any, len(list))
	for i := range list {
		values[i] = of(&list[i])
	}
	return values
}

// revealed returns the texts of secrets, as the database stores them.
func revealed(list []tokenctl.Secret) []any {
	return anys(list, func(s *tokenctl.Secret) any { return s.Reveal() })
}
