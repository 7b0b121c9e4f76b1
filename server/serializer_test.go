package server

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/django/djangotest"
)

// peerSerializers are the real ones, less the check of what was sent; those of
// dj-rest-auth, which Debian does not ship, as dj_rest_auth/serializers.py (7.1.1)
// declares them.
const peerSerializers = `
from rest_framework import serializers
from rest_framework.authtoken.serializers import AuthTokenSerializer
from rest_framework.metadata import SimpleMetadata
from rest_framework_simplejwt import serializers as simplejwt

class Login(serializers.Serializer):
    username = serializers.CharField(required=False, allow_blank=True)
    email = serializers.EmailField(required=False, allow_blank=True)
    password = serializers.CharField(style={'input_type': 'password'})

class PasswordChange(serializers.Serializer):
    new_password1 = serializers.CharField(max_length=128)
    new_password2 = serializers.CharField(max_length=128)

class UserDetails(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ('pk', 'username', 'email', 'first_name', 'last_name')
        read_only_fields = ('email',)

serializer_classes = {
    "auth token": AuthTokenSerializer, "obtain": simplejwt.TokenObtainPairSerializer, "refresh": simplejwt.TokenRefreshSerializer,
    "refresh sliding": simplejwt.TokenRefreshSlidingSerializer, "verify": simplejwt.TokenVerifySerializer,
    "blacklist": simplejwt.TokenBlacklistSerializer, "login": Login, "password change": PasswordChange, "user": UserDetails,
}

class Unchecked:
    def validate(self, attrs):
        return attrs

def valid(name, data, partial):
    cls = type("Unchecked", (Unchecked, serializer_classes[name]), {})
    serializer = cls(data=data, partial=partial)
    if not serializer.is_valid():
        raise exceptions.ValidationError(serializer.errors)
    return serializer.validated_data
`

func peersSerializers(release tokenctl.Version) map[string]*serializer {
	return map[string]*serializer{
		"auth token": authTokenSerializer, "obtain": tokenObtainSerializer("username"), "refresh": tokenRefreshSerializer,
		"refresh sliding": tokenSerializer, "verify": tokenSerializer, "blacklist": tokenBlacklistSerializer,
		"login": loginSerializer(release), "password change": passwordChangeSerializer,
		"user": userDetailsSerializer(func(name string) bool { return name == "taken" }),
	}
}

// TestSerializers asks DRF what it says to bodies.
func TestSerializers(t *testing.T) {
	t.Parallel()
	type attempt struct {
		name    string
		body    body
		partial bool
	}
	var attempts []attempt
	values := []string{`""`, `" "`, `"\u001c\u00a0"`, `"x"`, `" x\t"`, `"zoë"`, `null`, `true`, `false`, `0`, `-0`, `12`, `1e5`, `1.0`, `1e400`, `-1e400`, `[]`, `["x"]`, `{}`, `{"a":1}`, `"\u0000"`, `" \u0000 "`, `"\ud800"`, `"a\udfff\ud800"`, `"\ud800\u0000"`,
		`"a@b.co"`, `"a@b"`, `" A@b.co "`, `"a@localhost"`, `"a@b.c1"`, `"a@bücher.example"`, `"a@[127.0.0.1]"`, `"a@b.-co"`, `"a@xn--bcher-kva.example"`, `"\"a b\"@b.co"`, `"\ud800@b.co"`, `"a b"`, `"taken"`, `"Ⅷ"`, `"①"`, `"a+b@c.d_e-f"`, `"` + strings.Repeat("ä", 128) + `"`, `"` + strings.Repeat("ä", 129) + `"`, `"` + strings.Repeat(`\ud800`, 128) + `"`, `"` + strings.Repeat(" ", 200) + `"`, `"` + strings.Repeat("😀", 151) + `"`, strings.Repeat("1", 200)}
	for _, name := range slices.Sorted(maps.Keys(peersSerializers(""))) {
		s := peersSerializers("")[name]
		for _, partial := range []bool{false, true} {
			for _, text := range []string{`{}`, `null`, `[]`, `[{}]`, `"x"`, `1`, `1.5`, `true`, `{"x":1}`} {
				attempts = append(attempts, attempt{name, body{Type: jsonType, Body: text}, partial})
			}
			for _, f := range s.fields {
				for _, value := range values {
					others := ""
					for _, other := range s.fields {
						if other.name != f.name {
							others += `,"` + other.name + `":"` + "other@example.com" + `"`
						}
					}
					attempts = append(attempts, attempt{name, body{Type: jsonType, Body: `{"` + f.name + `":` + value + `}`}, partial},
						attempt{name, body{Type: jsonType, Body: `{"` + f.name + `":` + value + others + `}`}, partial})
				}
				for _, value := range []string{"", "=", "=+", "=x", "=%00", "=a%40b.co", "=a%40b", "=x&" + f.name + "="} {
					attempts = append(attempts, attempt{name, body{Type: formType, Body: f.name + value}, partial})
				}
				for _, file := range []string{" ", "a.txt"} {
					attempts = append(attempts, attempt{name, body{Type: multipartType + "; boundary=x", Body: "--x\r\nContent-Disposition: form-data; name=" + f.name + "; filename=\"" + file + "\"\r\n\r\n1\r\n--x--\r\n"}, partial})
				}
			}
			attempts = append(attempts, attempt{name, body{Type: formType, Body: ""}, partial}, attempt{name, body{Type: jsonType, Body: ""}, partial})
		}
	}
	var asked [][4]any
	for _, a := range attempts {
		asked = append(asked, [4]any{a.name, a.body.Type, b64(a.body.Body), a.partial})
	}
	eachPeer(t, func(t *testing.T, pr *djangotest.Project, peers tokenctl.Peers) {
		var want []string
		pr.Eval(peerBodies+peerSerializers+`
User.objects.create_user("taken")
result = [shown(lambda: valid(name, made(content_type, base64.b64decode(text), parsers=parsers).data, partial)) for name, content_type, text, partial in cases]
`, &want, djangotest.Vars{"cases": asked, "parsers": body{}.parsers()})
		serializers := peersSerializers(peers.Django)
		for i, a := range attempts {
			d, err := parse(a.body.Type, []byte(a.body.Body), body{}.parsers(), peers.DRF)
			if err != nil {
				t.Fatalf("%q: %v", a.body.Body, err)
			}
			s := *serializers[a.name]
			s.partial = a.partial
			values, errs := s.run(d)
			var got string
			if errs != nil {
				got = shown(nil, invalid(errs))
			} else {
				got = shown(values, nil)
			}
			if got != want[i] {
				t.Errorf("%s, partial %v: %.200s: %s, want %s", a.name, a.partial, a.body.Body, got, want[i])
			}
		}
	})
}

// TestMetadata asks DRF how OPTIONS describes the serializers.
func TestMetadata(t *testing.T) {
	t.Parallel()
	names := slices.Sorted(maps.Keys(peersSerializers("")))
	eachPeer(t, func(t *testing.T, pr *djangotest.Project, _ tokenctl.Peers) {
		var want []string
		pr.Eval(peerBodies+peerSerializers+`
result = [shown(lambda: SimpleMetadata().get_serializer_info(serializer_classes[name]())) for name in names]
`, &want, djangotest.Vars{"names": names})
		for i, name := range names {
			if got := shown(peersSerializers("")[name].metadata(), nil); got != want[i] {
				t.Errorf("%s: %s, want %s", name, got, want[i])
			}
		}
	})
}
