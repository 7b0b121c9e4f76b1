// Package bench compares whole processes: tokenctl, psql and Django doing the
// same on the same database. Machines are noisy; only the ratios count.
package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// tokenctl builds the binary that is measured.
func tokenctl(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "tokenctl")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", path, "tokenctl/cmd/tokenctl").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// measure times whole runs of a program; its output goes nowhere.
func measure(b *testing.B, env []string, program string, args ...string) {
	b.Helper()
	for b.Loop() {
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), env...)
		if err := cmd.Run(); err != nil {
			b.Fatalf("%s: %v", program, err)
		}
	}
}

// BenchmarkStart is what every command pays before it does anything.
func BenchmarkStart(b *testing.B) {
	binary := tokenctl(b)
	for _, args := range [][]string{{"version"}, {"--help"}, {"completion", "bash"}} {
		b.Run(args[0], func(b *testing.B) { measure(b, nil, binary, args...) })
	}
	b.Run("true", func(b *testing.B) { measure(b, nil, "true") })
}

// django prints what `tokenctl list -o json` prints, as an application's own
// script would.
const django = `
import json, sys
from rest_framework.authtoken.models import Token
json.dump([dict(user=t.user.username, user_id=str(t.user_id), created=t.created.isoformat(), active=t.user.is_active)
    for t in Token.objects.select_related("user").order_by("user_id")], sys.stdout)
`

const psqlQuery = `select json_agg(json_build_object('user', u.username, 'user_id', u.id::text, 'created', t.created, 'active', u.is_active) order by u.id)
from authtoken_token t join auth_user u on u.id = t.user_id`

// BenchmarkList lists all tokens as JSON on a local PostgreSQL: tokenctl, psql -c
// and manage.py shell.
func BenchmarkList(b *testing.B) {
	binary := tokenctl(b)
	psql, err := exec.LookPath("psql")
	if err != nil {
		dbtest.Missing(b, "psql")
	}
	for _, n := range []int{10, 10_000} {
		url := dbtest.Postgres(b)
		peer := djangotest.Peers(b)[0]
		project := peer.Project(b, url, djangotest.Options{})
		project.Migrate()
		dbtest.Psql(b, url, fmt.Sprintf(`
			insert into auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
			select '!', false, 'user' || i, '', '', '', false, true, now() from generate_series(1, %d) i;
			insert into authtoken_token (key, created, user_id) select left(encode(sha256(id::text::bytea), 'hex'), 40), now(), id from auth_user;
			analyze`, n))
		b.Run(fmt.Sprintf("rows=%d/tokenctl", n), func(b *testing.B) {
			measure(b, []string{"TOKENCTL_DATABASE_URL=" + url}, binary, "list", "-o", "json")
		})
		b.Run(fmt.Sprintf("rows=%d/psql", n), func(b *testing.B) {
			measure(b, nil, psql, "--no-psqlrc", "-qAt", "-d", url, "-c", psqlQuery)
		})
		b.Run(fmt.Sprintf("rows=%d/django", n), func(b *testing.B) {
			for b.Loop() {
				project.Manage("shell", "-c", django)
			}
		})
	}
}
