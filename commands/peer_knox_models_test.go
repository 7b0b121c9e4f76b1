package commands_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// knoxIs42 reports whether the checkout is of knox 4.2, which has a migration less.
func knoxIs42() bool {
	found, _ := filepath.Glob(filepath.Join(os.Getenv("TOKENCTL_TEST_KNOX"), "knox", "migrations", "0009*.py"))
	return found == nil
}

// TestPeerKnoxSwapped: a model of the project's own in the place of knox's.
func TestPeerKnoxSwapped(t *testing.T) {
	t.Parallel()
	if !djangotest.HasKnox() || knoxIs42() {
		return
	}
	dbtest.EachPeer(t, func(t *testing.T, p djangotest.Peer, engine string) {
		url := dbtest.Fresh(t, engine)
		pr := p.Project(t, url, djangotest.Options{
			Settings: `
INSTALLED_APPS.insert(0, "machines")
KNOX_TOKEN_MODEL = "machines.Credential"
REST_KNOX = {"TOKEN_MODEL": "machines.Credential"}`,
			Files: map[string]string{"machines/__init__.py": "", "machines/migrations/__init__.py": "", "machines/models.py": `
from django.db import models
from knox.models import AbstractAuthToken

class Credential(AbstractAuthToken):
    label = models.CharField(max_length=20, null=True)
`},
		})
		pr.Eval(`
from django.core.management import call_command
call_command("makemigrations", "machines", verbosity=0)
call_command("migrate", verbosity=0)
User.objects.create_user("alice", password="correct horse battery")
result = None`, nil)
		c := cli{t: t, url: url}
		// Knox's own table is there too, and stays empty.
		if _, errs, status := c.run("", "mint", "--kind", "knox", "alice"); status != 1 || !strings.Contains(errs, "knox_authtoken, machines_credential") {
			t.Errorf("without token_table: status %d, %s", status, errs)
		}
		c.more = []string{"--config", privateFile(t, "[knox]\ntoken_table = \"machines_credential\"\n")}
		token := c.must("", "mint", "--kind", "knox", "alice")
		knoxAccepts(t, pr, token, 200, `"Hello alice!"`)
		if theirs, r := knoxLogin(t, pr); r.Status != 200 || c.verdict(theirs) != "active" {
			t.Errorf("login: %d %s", r.Status, r.Body)
		}
		c.must(token, "blacklist", "-")
		knoxAccepts(t, pr, token, 401, invalidToken)
		var rows [2]int
		pr.Eval(`
from django.apps import apps
result = [apps.get_model("machines", "Credential").objects.count(), User.objects.count()]`, &rows)
		if rows != [2]int{1, 1} {
			t.Errorf("rows %v", rows)
		}
		c.must("", "user", "delete", "alice", "--yes")
	})
}

// TestPeerKnoxUserModels: the owners' keys are of every type.
func TestPeerKnoxUserModels(t *testing.T) {
	t.Parallel()
	if !djangotest.HasKnox() {
		return
	}
	for model, create := range map[string]string{"uuid": `User.objects.create_user(email="ann@example.org")`, "mti": `User.objects.create_user("ann@example.org")`} {
		t.Run(model, func(t *testing.T) {
			peers(t, djangotest.Options{UserModel: model}, func(t *testing.T, pr *djangotest.Project, c cli) {
				pr.Eval(create+"; result = None", nil)
				const name, hello = "ann@example.org", `"Hello ann@example.org!"`
				token := c.must("", "mint", "--kind", "knox", name)
				knoxAccepts(t, pr, token, 200, hello)
				pk := c.must("", "list", "--user", name, "--sort", "user_id", "--field", "user_id")
				again := c.must(token, "rotate", "-", "--overlap", "5m")
				knoxAccepts(t, pr, again, 200, hello)
				key := c.must("", "mint", "--user-id", pk)
				c.must("", "mint", "--kind", "knox", "--import-drf", "--user-id", pk)
				knoxAccepts(t, pr, key, 200, hello)
				c.must("", "blacklist", "--kind", "knox", "--user-id", pk, "--confirm", "3")
				for _, token := range []string{token, again, key} {
					knoxAccepts(t, pr, token, 401, invalidToken)
				}
			})
		})
	}
}
