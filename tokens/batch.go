package tokens

import (
	"iter"

	"tokenctl/db"
)

// rowsOf are the rows of credentials of one kind, as they were seen.
func rowsOf[T any](batch []Credential) []T {
	rows := make([]T, len(batch))
	for i, c := range batch {
		rows[i] = c.row.(T)
	}
	return rows
}

func ownersOf(batch []Credential) []db.User {
	owners := make([]db.User, len(batch))
	for i, c := range batch {
		owners[i] = c.Owner
	}
	return owners
}

// at are the elements in these places.
func at[T any](places []int, list []T) []T {
	picked := make([]T, len(places))
	for j, i := range places {
		picked[j] = list[i]
	}
	return picked
}

// alike yields each value of a list with the places that have it, in the order
// of their first, without those that were refused.
func alike[T comparable](refused db.Refusals, list []T) iter.Seq2[T, []int] {
	return func(yield func(T, []int) bool) {
		var order []T
		places := map[T][]int{}
		for i, v := range list {
			if refused[i] != nil {
				continue
			}
			if places[v] == nil {
				order = append(order, v)
			}
			places[v] = append(places[v], i)
		}
		for _, v := range order {
			if !yield(v, places[v]) {
				return
			}
		}
	}
}
