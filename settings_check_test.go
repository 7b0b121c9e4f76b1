package tokenctl

import (
	"strings"
	"testing"
)

// What is given is given: nothing that is empty or zero stands for a default.
func TestSettingsGiven(t *testing.T) {
	for text, want := range map[string]string{
		`database = ""`:                        "database is empty",
		`secret_key_file = ""`:                 "secret_key_file is empty",
		`secret_key_fallback_files = [""]`:     "",
		`secret_key_fallback_files = []`:       "",
		"[auth]\nuser_table = ''":              "auth.user_table is empty",
		"[auth]\nusername_field = ''":          "auth.username_field is empty",
		"[auth]\npassword_hasher = ''":         "auth.password_hasher is empty",
		"auth = {pbkdf2_iterations = 0}":       "auth.pbkdf2_iterations is zero",
		`auth.Username_Field = ""`:             "auth.username_field is empty",
		"[auth]\npassword_validators = []":     "",
		`drf.keyword = ""`:                     "drf.keyword is empty",
		`knox.token_ttl = "0s"`:                "knox.token_ttl is zero",
		`knox.token_ttl = "0d"`:                "knox.token_ttl is zero",
		`knox.token_prefix = ""`:               "",
		`knox.token_limit_per_user = 0`:        "",
		`knox.min_refresh_interval = 0`:        "",
		`knox.auto_refresh = false`:            "",
		`knox.auto_refresh_max_ttl = "0s"`:     "knox.auto_refresh_max_ttl",
		`knox.auth_token_character_length = 0`: "knox.auth_token_character_length is zero",
		`knox.secure_hash_algorithm = ""`:      "knox.secure_hash_algorithm is empty",
		`knox.auth_header_prefix = ""`:         "knox.auth_header_prefix is empty",
		`knox.token_table = ""`:                "knox.token_table is empty",
		`simplejwt.user_id_claim = ""`:         "simplejwt.user_id_claim is empty",
		`simplejwt.user_id_field = ""`:         "simplejwt.user_id_field is empty",
		`simplejwt.jti_claim = ""`:             "simplejwt.jti_claim is empty",
		`simplejwt.issuer = ""`:                "simplejwt.issuer is empty",
		`simplejwt.audience = ""`:              "simplejwt.audience is empty",
		`simplejwt.audience = []`:              "simplejwt.audience is empty",
		`simplejwt.audience = ["a", ""]`:       "simplejwt.audience",
		`simplejwt.algorithm = ""`:             "simplejwt.algorithm is empty",
		`simplejwt.auth_header_types = []`:     "simplejwt.auth_header_types is empty",
		`simplejwt.leeway = 0`:                 "",
		`simplejwt.access_token_lifetime = 0`:  "simplejwt.access_token_lifetime",
		`session.cookie_age = 0`:               "session.cookie_age is zero",
		`session.cookie_age = "0s"`:            "session.cookie_age is zero",
		`session.cookie_name = ""`:             "session.cookie_name is empty",
		`session.engine = ""`:                  "session.engine is empty",
		`time.time_zone = ""`:                  "time.time_zone is empty",
		`time.use_tz = false`:                  "",
		`peers.django = ""`:                    "peers.django is empty",
		`server.introspection_client_id = ""`:  "server.introspection_client_id is empty",
	} {
		wantSetting(t, text, want)
	}
}

// wantSetting checks what is said of a text; empty is nothing.
func wantSetting(t *testing.T, text, want string) {
	t.Helper()
	_, err := ParseSettings([]byte(text))
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", text, err)
	case want != "" && (CodeOf(err) != CodeConfigInvalid || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: %v, want %q", text, err, want)
	}
}

func TestSettingsChecked(t *testing.T) {
	for text, want := range map[string]string{
		`auth.username_field = "password"`:                                        "holds secrets",
		`auth.username_field = "Password"`:                                        "holds secrets",
		`simplejwt.user_id_field = "password"`:                                    "simplejwt.user_id_field: the column password holds secrets",
		`simplejwt.user_id_field = "otp_secret"`:                                  "holds secrets",
		`simplejwt.user_id_field = "email"`:                                       "",
		`simplejwt.algorithm = "none"`:                                            "simplejwt.algorithm",
		`simplejwt.algorithm = "hs256"`:                                           "simplejwt.algorithm",
		`simplejwt.access_token_lifetime = "1ms"`:                                 "simplejwt.access_token_lifetime must be at least a second",
		`simplejwt.access_token_lifetime = "-5m"`:                                 "simplejwt.access_token_lifetime",
		"database = 'x'\nsimplejwt.leeway = -1":                                   "line 2: simplejwt.leeway has the wrong type or form",
		`simplejwt.auth_header_name = "Authorization"`:                            "simplejwt.auth_header_name",
		`simplejwt.auth_header_name = "HTTP_X_TOKEN"`:                             "",
		`simplejwt.auth_header_types = ["Bearer", "J W"]`:                         "simplejwt.auth_header_types",
		`knox.token_ttl = "500ms"`:                                                "knox.token_ttl must be at least a second",
		`knox.secure_hash_algorithm = "md5"`:                                      "knox.secure_hash_algorithm",
		`session.engine = "redis"`:                                                "session.engine",
		`session.engine = "django.contrib.sessions.backends.dbs"`:                 "session.engine",
		`session.engine = "shop.sessions"`:                                        "",
		`session.engine = "cached_db"`:                                            "",
		`session.serializer = "YAMLSerializer"`:                                   "session.serializer",
		`session.serializer = "django.contrib.sessions.serializers.PickleSerial"`: "session.serializer",
		`session.serializer = "shop.Serializer"`:                                  "",
		"[auth]\npassword_hasher = 'argon2'\npbkdf2_iterations = 600000":          "auth.pbkdf2_iterations does not go with the password_hasher argon2",
		"[auth]\npassword_hasher = 'pbkdf2_sha1'\npbkdf2_iterations = 600000":     "",
		"auth.user_table = \"auth\u200b_user\"":                                   "auth.user_table has a zero-width character (U+200B) in it",
		"database = \"postgres://h/a\u00a0b\"":                                    "database has a no-break space (U+00A0) in it",
		`simplejwt.audience = ["a", "b\u0007"]`:                                   "",
		`secret_key_fallback_files = ["a", "b\u0000"]`:                            "secret_key_fallback_files has a NUL character (U+0000) in it",
		"[auth]\npassword_validators = [{name = \"x.Y\u200b\"}]":                  "auth.password_validators has a zero-width character",
		"[auth]\n\u00a0username_field = 'x'":                                      "line 2, column 1: not valid TOML; there is a no-break space (U+00A0)",
		"# a\u00a0comment\nauth.username_field = 'x'":                             "",
	} {
		wantSetting(t, text, want)
	}
}

func TestPeerReleases(t *testing.T) {
	for _, test := range []struct {
		name   string
		given  Version
		taken  Version
		refuse bool
	}{
		{"django", "4.2", "4.2", false}, {"django", "4.2.28", "4.2.28", false}, {"django", "6.1rc1", "6.1rc1", false}, {"django", "6.1.7", "6.1.7", false},
		{"django", "6.2", "6.1", false}, {"django", "7", "6.1", false}, {"django", "7.9.1", "6.1", false}, {"django", "8.0", "", true},
		{"django", "9999", "", true}, {"django", "abc", "", true}, {"django", "0", "", true}, {"django", "0.0.0", "", true}, {"django", "-1", "", true},
		{"django", "4.2.", "", true}, {"django", "v4.2", "", true}, {"django", " 4.2", "", true}, {"django", "4,2", "", true}, {"django", "4.2 ", "", true},
		{"django", "99999999999999999999", "", true}, {"django", "4.x", "", true}, {"django", "6.1.dev20260101", "6.1.dev20260101", false},
		{"drf", "3.99", "3.18", false}, {"drf", "4.0", "3.18", false}, {"drf", "5.0", "", true}, {"simplejwt", "5.5.1.post2", "5.5.1.post2", false},
		{"simplejwt", "6.0", "5.5.1", false}, {"knox", "5.0.3", "5.0.3", false}, {"knox", "7", "", true}, {"pyjwt", "3.0", "2.15.1", false}, {"corsheaders", "5", "4.9", false},
	} {
		s, err := ParseSettings([]byte("[peers]\n" + test.name + " = '" + string(test.given) + "'\n"))
		if (err != nil) != test.refuse || test.refuse && CodeOf(err) != CodeConfigInvalid {
			t.Errorf("%s %s: %v", test.name, test.given, err)
			continue
		}
		if test.refuse {
			continue
		}
		peers, notes, err := s.Peers.Known()
		if got := *peers.fields()[test.name]; err != nil || got != test.taken || (len(notes) == 1) != (test.taken != test.given) {
			t.Errorf("%s %s is taken for %s, %v, %v", test.name, test.given, got, notes, err)
		}
	}
}
