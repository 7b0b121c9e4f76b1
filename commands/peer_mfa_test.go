package commands_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// mfaSettings install django-otp, and allauth where the suite's has second factors.
const mfaSettings = `
import importlib.util
INSTALLED_APPS += ["django_otp", "django_otp.plugins.otp_totp", "django_otp.plugins.otp_static", "django_otp.plugins.otp_hotp"]
ALLAUTH = importlib.util.find_spec("allauth") is not None
if ALLAUTH:
    INSTALLED_APPS += ["allauth", "allauth.account", "allauth.mfa"]
    MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
`

// makeFactors gives alice, bob, carol and dave second factors and returns their secrets, how
// many allauth made, and the names of the users.
const makeFactors = `
from django.conf import settings
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
def make(name, **more):
    if User.USERNAME_FIELD == "email":
        return User.objects.create_user(email=name, **more)
    return User.objects.create_user(name, **more)
alice, bob, carol, dave = [make(n) for n in ("alice", "bob", "carol", "dave")]
secrets = []
for user in (alice, carol, dave):
    secrets.append(TOTPDevice.objects.create(user=user, name="phone").key)
    static = StaticDevice.objects.create(user=user, name="backup")
    for n in range(3):
        secrets.append(static.token_set.create(token=StaticToken.random_token()).token)
secrets.append(HOTPDevice.objects.create(user=alice, name="key", confirmed=False).key)
if settings.ALLAUTH:
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    for user in (alice, bob):
        if user is alice:
            secrets.append(generate_totp_secret())
            TOTP.activate(user, secrets[-1])
        codes = RecoveryCodes.activate(user)
        unused = codes.get_unused_codes()
        secrets += unused
        assert codes.validate_code(unused[3])
        codes.instance.record_usage()
result = {"secrets": secrets, "allauth": settings.ALLAUTH}`

// leftFactors are the numbers of rows of second factors of each user as Django sees them, and
// whether Django then asks for one.
const leftFactors = `
from django.conf import settings
from django_otp import user_has_device
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
result = {}
for user in User.objects.all():
    n = sum(m.objects.filter(user=user).count() for m in (TOTPDevice, HOTPDevice, StaticDevice))
    n += StaticToken.objects.filter(device__user=user).count()
    enabled = user_has_device(user)
    if settings.ALLAUTH:
        from allauth.mfa.models import Authenticator
        from allauth.mfa.utils import is_mfa_enabled
        n += Authenticator.objects.filter(user=user).count()
        enabled = enabled or is_mfa_enabled(user)
    result[user.get_username()] = [n, int(enabled)]`

func TestPeerMFA(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	for _, model := range []string{"", "uuid"} {
		t.Run("model"+model, func(t *testing.T) {
			peers(t, djangotest.Options{UserModel: model, Settings: mfaSettings}, factors)
		})
	}
}

func factors(t *testing.T, pr *djangotest.Project, c cli) {
	var made struct {
		Secrets []string
		Allauth bool
	}
	pr.Eval(makeFactors, &made)
	seen := "" // everything that tokenctl printed
	run := func(want int, args ...string) string {
		t.Helper()
		out, errs, status := c.run("", args...)
		seen += out + errs
		if status != want {
			t.Fatalf("tokenctl %s: status %d, want %d\n%s%s", strings.Join(args, " "), status, want, out, errs)
		}
		return out
	}
	var list []struct {
		User, Kind string
		Name       *string
		Confirmed  bool
		LastUsed   *string `json:"last_used"`
		CodesLeft  *int    `json:"codes_left"`
	}
	if err := json.Unmarshal([]byte(run(0, "user", "mfa", "list", "-o", "json")), &list); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		name, codes := "-", "-"
		if f.Name != nil {
			name = *f.Name
		}
		if f.CodesLeft != nil {
			codes = fmt.Sprint(*f.CodesLeft)
		}
		got = append(got, fmt.Sprint(f.User, " ", f.Kind, " ", name, " ", f.Confirmed, " ", f.LastUsed != nil, " ", codes))
	}
	want := []string{"alice hotp key false false -", "alice static backup true false 3", "alice totp phone true false -",
		"carol static backup true false 3", "carol totp phone true false -", "dave static backup true false 3", "dave totp phone true false -"}
	with := []string{"alice", "carol", "dave"}
	if made.Allauth {
		want = append(want, "alice recovery_codes - true true 9", "alice totp - true false -", "bob recovery_codes - true true 9")
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("second factors:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if names := run(0, "user", "list", "--without-mfa", "--columns", "username,mfa", "-o", "json"); names != "[\n  {\"username\":\"bob\",\"mfa\":null}\n]\n" {
		t.Errorf("without: %s", names)
	}
	kinds := slices.Sorted(strings.Lines(run(0, "user", "list", "--columns", "username,mfa", "-o", "csv", "--no-headers")))
	alice := "alice,totp; static"
	if made.Allauth {
		alice += "; recovery_codes"
	}
	if want := []string{alice + "\n", "bob,\n", "carol,totp; static\n", "dave,totp; static\n"}; !slices.Equal(kinds, want) {
		t.Errorf("kinds: %q, want %q", kinds, want)
	}
	for _, name := range []string{"alice", "bob", "carol"} {
		run(0, "mint", name)
	}
	if owners := run(0, "list", "--without-mfa", "--field", "user"); owners != "bob\n" {
		t.Errorf("tokens of users without a second factor: %q", owners)
	}

	state := func() (state map[string][2]int) {
		t.Helper()
		pr.Eval(leftFactors, &state)
		return state
	}
	before := state()
	for _, name := range with {
		if before[name][1] != 1 {
			t.Errorf("Django does not ask %s for a second factor: %v", name, before)
		}
	}
	number := "3"
	if made.Allauth {
		number = "5"
	}
	run(8, "user", "mfa", "reset", "alice")
	run(5, "user", "mfa", "reset", "alice", "--confirm", "1")
	run(0, "user", "mfa", "reset", "alice", "--dry-run")
	if now := state(); fmt.Sprint(now) != fmt.Sprint(before) {
		t.Errorf("changed without consent: %v, before %v", now, before)
	}
	run(0, "user", "mfa", "reset", "alice", "--confirm", number)
	now := state()
	before["alice"] = [2]int{0, 0}
	if fmt.Sprint(now) != fmt.Sprint(before) {
		t.Errorf("after the reset: %v, want %v", now, before)
	}
	run(3, "user", "mfa", "reset", "alice", "--yes")
	run(0, "user", "mfa", "reset", "alice", "--yes", "--ignore-missing")
	run(3, "user", "mfa", "reset", "carol", "alice", "--yes")
	run(3, "user", "mfa", "reset", "nobody", "--yes")
	run(6, "user", "mfa", "reset", "carol", "alice", "--yes", "--keep-going")
	before["carol"] = [2]int{0, 0}
	if now = state(); fmt.Sprint(now) != fmt.Sprint(before) {
		t.Errorf("after --keep-going: %v, want %v", now, before)
	}
	run(0, "user", "delete", "dave", "bob", "--yes")
	if now = state(); len(now) != 2 {
		t.Errorf("users who are left: %v", now)
	}
	for _, secret := range made.Secrets {
		if strings.Contains(seen, secret) {
			t.Errorf("the secret %s was printed", secret)
		}
	}
	if len(made.Secrets) < 10 {
		t.Errorf("only %d secrets were made", len(made.Secrets))
	}
}
