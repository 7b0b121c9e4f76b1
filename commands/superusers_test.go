package commands_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// TestLastSuperusersAtOnce: of two commands that take away the two last superusers at the same
// time, one is refused. Both begin while somebody else has the rows of the superusers locked.
func TestLastSuperusersAtOnce(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	commands := [][2][]string{
		{{"user", "deactivate", "root"}, {"user", "deactivate", "boss"}},
		{{"user", "deactivate", "root", "--revoke", "--yes"}, {"user", "delete", "boss", "--yes"}},
		{{"user", "delete", "root", "--yes"}, {"user", "delete", "boss", "--yes"}},
		{{"incident", "--user", "root", "--deactivate", "--yes"}, {"user", "deactivate", "boss"}},
	}
	for i, both := range commands {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			url := dbtest.Postgres(t)
			c := cli{t: t, url: url, more: []string{"--config", privateFile(t, fewIterations)}}
			c.must("", "init")
			for _, name := range []string{"root", "boss"} {
				c.must("correct horse battery\n", "user", "create", name, "--superuser", "--password-stdin")
			}
			other, err := dbtest.Open(url)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			tx, err := other.Begin()
			if err == nil {
				_, err = tx.Exec("select 1 from auth_user for update")
			}
			if err != nil {
				t.Fatal(err)
			}
			statuses, errs := make(chan int, 2), make(chan string, 2)
			for _, args := range both {
				go func() {
					_, text, status := c.run("", args...)
					statuses <- status
					errs <- text
				}()
			}
			dbtest.AwaitLock(t, url, 2)
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
			got := []int{<-statuses, <-statuses}
			slices.Sort(got)
			said := <-errs + <-errs
			if !slices.Equal(got, []int{0, 8}) || !strings.Contains(said, " is the last active superuser") {
				t.Errorf("statuses %v, want 0 and 8: %s", got, said)
			}
			if left := dbtest.Query(url, "select count(*) from auth_user where is_superuser and is_active"); strings.TrimSpace(left) != "1" {
				t.Errorf("%s superusers remain, want 1", left)
			}
		})
	}
}
