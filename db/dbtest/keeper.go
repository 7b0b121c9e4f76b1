package dbtest

import (
	"fmt"
	"strings"
)

// Keeper makes a database keep rows of a table as they are, without an error.
type Keeper struct {
	Name  string
	Whole bool // it keeps every row, whatever the condition

	// %[1]s is the event, %[2]s the table and %[3]s the condition on a row.
	create, drop string
}

// Keepers are those of an engine.
func Keepers(engine string) []Keeper {
	if engine == "sqlite" {
		return []Keeper{{Name: "trigger", create: "create trigger keeper before %[1]s on %[2]s when %[3]s begin select raise(ignore); end", drop: "drop trigger keeper"}}
	}
	return []Keeper{
		{Name: "trigger", create: `create function keeper() returns trigger language plpgsql as 'begin return null; end';
			create trigger keeper before %[1]s on %[2]s for each row when (%[3]s) execute function keeper()`, drop: "drop function keeper cascade"},
		{Name: "rule", create: "create rule keeper as on %[1]s to %[2]s where %[3]s do instead nothing", drop: "drop rule keeper on %[2]s"},
		{Name: "rule without a condition", Whole: true, create: "create rule keeper as on %[1]s to %[2]s do instead nothing", drop: "drop rule keeper on %[2]s"},
	}
}

// Create is SQL that keeps rows from an event: "insert", "update" or "delete".
func (k Keeper) Create(event, table, condition string) string {
	return fmt.Sprintf(k.create, event, table, condition)
}

// Drop is SQL that undoes Create.
func (k Keeper) Drop(table string) string { return strings.ReplaceAll(k.drop, "%[2]s", table) }
