package tokens

import (
	"testing"

	"tokenctl/db"
)

func TestWithout(t *testing.T) {
	t.Parallel()
	users := []db.User{{ID: "1"}, {ID: "2"}, {ID: "3"}}
	left := without(users, []UserAtLimit{{User: users[1]}})
	if len(left) != 2 || left[0].ID != "1" || left[1].ID != "3" {
		t.Errorf("%+v", left)
	}
}
