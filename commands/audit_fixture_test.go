package commands_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"tokenctl/db/dbtest"
)

// TestAuditFixtures: what audit says of the fixtures, which Django made, word for word.
// TOKENCTL_UPDATE_SCRIPTS=1 writes the files again.
func TestAuditFixtures(t *testing.T) {
	t.Parallel()
	dbtest.EachEngine(t, func(t *testing.T, engine string) {
		role := ""
		if engine == "postgres" {
			role = dbtest.NewRole(t, "")
		}
		url, secrets := dbtest.Fixture(t, engine)
		c := cli{t: t, url: url, env: map[string]string{"TOKENCTL_SECRET_KEY": secrets.SecretKey}, now: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)}
		if role != "" {
			dbtest.Exec(t, url, "grant select, insert, update, delete on all tables in schema public to "+role+"; grant select, usage on all sequences in schema public to "+role)
			t.Cleanup(func() { dbtest.Exec(t, url, "drop owned by "+role) })
			c.url = dbtest.As(url, role, "")
		}
		out, notes, status := c.run("", "audit", "--deep", "--clock-skew", "50y", "-o", "json")
		if status != 4 || notes != noFactors {
			t.Errorf("status %d, %s", status, notes)
		}
		path := filepath.Join("testdata", "audit-"+engine+".json")
		if os.Getenv("TOKENCTL_UPDATE_SCRIPTS") != "" {
			if err := os.WriteFile(path, []byte(out), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if out != string(want) {
			t.Errorf("audit of %s says\n%s\nwant\n%s", path, out, want)
		}
	})
}
