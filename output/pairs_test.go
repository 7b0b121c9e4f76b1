package output

import (
	"testing"
	"time"
)

// TestRecords writes rows in full at a terminal, one below the other.
func TestRecords(t *testing.T) {
	cols := []Column{{Name: "id", Decides: true}, {Name: "user", Decides: true}, {Name: "last"}, {Name: "owner"}, {Name: "claims"}, {Name: "notes"}}
	at := Time(time.Date(2026, 3, 4, 5, 6, 59, 0, time.UTC))
	rows := func() [][]Value {
		return [][]Value{
			{String("1"), Null(), at, Object([]string{"is_staff", "email", "seen"}, []Value{Bool(true), Null(), Never()}), Raw([]byte(`{"a":1,"b":["\u001b"]}`)),
				Strings([]string{"one two three four five", "six"})},
			{String("2"), String("x"), Never(), Null(), Null(), Strings(nil)},
		}
	}
	expect(t, render(t, cols, Options{Format: Table, Records: true, Width: 24, Now: listNow}, rows()...), `
id      1
user    -
last    2026-03-04T05:06:59Z,
        3d ago
owner   is_staff  true
        seen      never
claims  {
          "a": 1,
          "b": [
            "\u001b"
          ]
        }
notes   one two three four
        five
        six

id      2
user    x
last    never
`[1:])
	if got := render(t, cols[:2], Options{Format: Table, Records: true}, rows()[0][:2], rows()[1][:2]); got != "ID  USER\n1   -\n2   x\n" {
		t.Errorf("without a terminal: %s", got)
	}
}
