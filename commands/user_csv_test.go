package commands

import (
	"fmt"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
)

// TestCSVChanged: a file that is read again must be the one that was checked.
func TestCSVChanged(t *testing.T) {
	t.Parallel()
	table := &db.UserTable{Table: &engine.Table{Name: "auth_user", Columns: []engine.Column{{Name: "username"}}}, Username: "username", Key: "id"}
	file := &csvFile{name: "users.csv", text: strings.NewReader("username\nann\nben\n")}
	read := func() (names string, err error) {
		return names, file.each(t.Context(), table, db.NewUser{}, func(n *userEntry) error {
			names += n.Username + " "
			return nil
		})
	}
	for range 2 {
		if names, err := read(); names != "ann ben " || err != nil {
			t.Errorf("read %q, %v", names, err)
		}
	}
	file.text = strings.NewReader("username\nann\neve\n")
	if _, err := read(); tokenctl.CodeOf(err) != tokenctl.CodeChanged {
		t.Errorf("of another file: %v", err)
	}
}

// BenchmarkCSV reads a user and checks what Django checks of one.
func BenchmarkCSV(b *testing.B) {
	layout := &db.Layout{User: &db.UserTable{Table: &engine.Table{Name: "auth_user", Columns: []engine.Column{{Name: "username", Length: 150}, {Name: "email"}}}, Username: "username", Key: "id"}}
	var text strings.Builder
	text.WriteString("username,email,first_name,last_name\n")
	for i := range b.N {
		fmt.Fprintf(&text, "user%d,user%[1]d@example.org,First%[1]d,Last%[1]d\n", i)
	}
	file := &csvFile{name: "users.csv", text: strings.NewReader(text.String())}
	b.ReportAllocs()
	b.ResetTimer()
	if err := file.each(b.Context(), layout.User, db.NewUser{}, func(n *userEntry) error { return cleanUser(layout, &n.NewUser, false) }); err != nil {
		b.Fatal(err)
	}
}
