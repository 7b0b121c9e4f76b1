package commands

import (
	"maps"
	"slices"

	"tokenctl/db/engine"
)

// unread counts the rows of a list with values that could not be read, by column. It is nil
// where every value could.
type unread map[string]int

func (u *unread) add(lists ...[]engine.BadValue) {
	for _, list := range lists {
		for _, v := range list {
			if *u == nil {
				*u = unread{}
			}
			(*u)[v.Column]++
		}
	}
}

// noteUnread says which columns could not be read.
func (a *App) noteUnread(u unread) {
	for _, column := range slices.Sorted(maps.Keys(u)) {
		a.say("note: %s could not be read in %s: tokenctl doctor names them", column, count(u[column], "row"))
	}
}
