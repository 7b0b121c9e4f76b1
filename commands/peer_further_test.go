package commands_test

import (
	"strings"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// furtherModels is an application with a token model and a session model of its own: several
// tokens a user, and Django's documented example of a session with a column for the account.
var furtherModels = djangotest.Options{
	Settings: `
INSTALLED_APPS.remove("rest_framework.authtoken")
INSTALLED_APPS.insert(0, "agents")
SESSION_ENGINE = "agents.sessions"
ROOT_URLCONF = "agents.urls"`,
	Files: map[string]string{"agents/__init__.py": "", "agents/migrations/__init__.py": "", "agents/models.py": `
from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

class Token(models.Model):
    key = models.CharField(max_length=40, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    created = models.DateTimeField(auto_now_add=True)
    name = models.CharField(max_length=20)
    uses = models.PositiveIntegerField(null=True)
    limit = models.DecimalField(max_digits=6, decimal_places=2, default=1)
    live = models.BooleanField(default=True)
    until = models.DateTimeField(null=True)
    group = models.UUIDField(null=True)

class CustomSession(AbstractBaseSession):
    account_id = models.IntegerField(null=True, db_index=True)

    @classmethod
    def get_session_store_class(cls):
        from agents.sessions import SessionStore
        return SessionStore
`, "agents/sessions.py": `
from django.contrib.sessions.backends.db import SessionStore as DBStore

class SessionStore(DBStore):
    @classmethod
    def get_model_class(cls):
        from agents.models import CustomSession
        return CustomSession
`, "agents/urls.py": `
from django.http import HttpResponse
from django.urls import path
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.response import Response
from rest_framework.views import APIView
from agents.models import Token

class AgentAuthentication(TokenAuthentication):
    model = Token

class Agent(APIView):
    authentication_classes = [AgentAuthentication]

    def get(self, request):
        t = request.auth
        return Response([request.user.username, t.name, t.uses, str(t.limit), t.live, t.until and t.until.isoformat(), t.group and str(t.group)])

class Account(APIView):
    authentication_classes = [SessionAuthentication]

    def get(self, request):
        from agents.models import CustomSession
        return Response([request.user.username, CustomSession.objects.get(pk=request.session.session_key).account_id])

urlpatterns = [path("agent/", Agent.as_view()), path("account/", Account.as_view())]
`},
}

// TestPeerFurther: an application with models of its own accepts what mint --set writes, and
// reads the values that were given.
func TestPeerFurther(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	dbtest.EachPeer(t, func(t *testing.T, p djangotest.Peer, engine string) {
		url := dbtest.Fresh(t, engine)
		pr := p.Project(t, url, furtherModels)
		pr.Eval(`
from django.core.management import call_command
call_command("makemigrations", "agents", verbosity=0)
call_command("migrate", verbosity=0)
User.objects.create_user("alice")
result = None`, nil)
		toml := "[session]\nsession_table = \"agents_customsession\"\nengine = \"agents.sessions\"\n"
		c := cli{t: t, url: url, env: map[string]string{"TOKENCTL_SECRET_KEY": djangotest.SecretKey}, more: []string{"--config", privateFile(t, toml)}}
		got := func(path, header, value, want string) {
			t.Helper()
			if r := pr.Request("GET", path, map[string]string{header: value}, ""); r.Status != 200 || r.Body != want {
				t.Errorf("Django answers %d %s, want %s", r.Status, r.Body, want)
			}
		}
		if _, errs, status := c.run("", "mint", "alice"); status != 2 || !strings.Contains(errs, "need a value: name, limit, live") {
			t.Errorf("without --set: status %d, %s", status, errs)
		}
		key := c.must("", "mint", "alice", "--set", "name=deploy", "--set", "limit=2.50", "--set", "live=false")
		got("/agent/", "Authorization", "Token "+key, `["alice","deploy",null,"2.50",false,null,null]`)
		key = c.must("", "mint", "alice", "--set", "name=", "--set", "limit=0", "--set", "live=true", "--set", "uses=7",
			"--set", "until=2031-02-03T04:05:06Z", "--set", "group=0f8fad5b-d9cb-469f-a165-70867728950e")
		got("/agent/", "Authorization", "Token "+key, `["alice","",7,"0.00",true,"2031-02-03T04:05:06+00:00","0f8fad5b-d9cb-469f-a165-70867728950e"]`)
		session := c.must("", "mint", "alice", "--kind", "session", "--set", "account_id=41")
		got("/account/", "Cookie", "sessionid="+session, `["alice",41]`)
	})
}
