package commands

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/output"
)

// rule says how one of the project's settings is written: its key is the name
// in lower case. Settings that have none, such as classes, have no form.
type rule struct {
	form      func(value any) (text string, ok bool)
	byDefault string // as form writes it
}

var skip = rule{}

const day = 24 * time.Hour

// simpleJWTRules are DEFAULTS of rest_framework_simplejwt/settings.py (5.5.1).
var simpleJWTRules = map[string]rule{
	"ACCESS_TOKEN_LIFETIME": {asDuration, length(5 * time.Minute)}, "REFRESH_TOKEN_LIFETIME": {asDuration, length(day)},
	"SLIDING_TOKEN_LIFETIME": {asDuration, length(5 * time.Minute)}, "SLIDING_TOKEN_REFRESH_LIFETIME": {asDuration, length(day)},
	"ROTATE_REFRESH_TOKENS": {asBool, "false"}, "BLACKLIST_AFTER_ROTATION": {asBool, "false"}, "UPDATE_LAST_LOGIN": {asBool, "false"},
	"ALGORITHM": {asString, `"HS256"`}, "ISSUER": {asString, ""}, "AUDIENCE": {asStrings, ""}, "LEEWAY": {asDuration, length(0)},
	"AUTH_HEADER_TYPES": {asList, `["Bearer"]`}, "AUTH_HEADER_NAME": {asString, `"HTTP_AUTHORIZATION"`},
	"USER_ID_FIELD": {asString, `"id"`}, "USER_ID_CLAIM": {asString, `"user_id"`}, "TOKEN_TYPE_CLAIM": {asString, `"token_type"`}, "JTI_CLAIM": {asString, `"jti"`},
	"SLIDING_TOKEN_REFRESH_EXP_CLAIM": {asString, `"refresh_exp"`},
	"CHECK_REVOKE_TOKEN":              {asBool, "false"}, "REVOKE_TOKEN_CLAIM": {asString, `"hash_password"`}, "CHECK_USER_IS_ACTIVE": {asBool, "true"},
	"SIGNING_KEY": skip, "VERIFYING_KEY": skip, "AUTH_TOKEN_CLASSES": skip, "TOKEN_USER_CLASS": skip, "USER_AUTHENTICATION_RULE": skip, "JSON_ENCODER": skip,
	"TOKEN_OBTAIN_SERIALIZER": skip, "TOKEN_REFRESH_SERIALIZER": skip, "TOKEN_VERIFY_SERIALIZER": skip, "TOKEN_BLACKLIST_SERIALIZER": skip,
	"SLIDING_TOKEN_OBTAIN_SERIALIZER": skip, "SLIDING_TOKEN_REFRESH_SERIALIZER": skip, "ON_LOGIN_SUCCESS": skip, "ON_LOGIN_FAILED": skip,
}

// knoxRules are DEFAULTS of knox/settings.py (5.0.2).
var knoxRules = map[string]rule{
	"TOKEN_TTL": {asTTL, length(10 * time.Hour)}, "TOKEN_PREFIX": {asString, `""`}, "TOKEN_LIMIT_PER_USER": {asInt, ""}, "AUTO_REFRESH": {asBool, "false"},
	"AUTO_REFRESH_MAX_TTL": {asDuration, ""}, "MIN_REFRESH_INTERVAL": {asDuration, length(time.Minute)}, "AUTH_HEADER_PREFIX": {asString, `"Token"`},
	"AUTH_TOKEN_CHARACTER_LENGTH": {asInt, "64"}, "SECURE_HASH_ALGORITHM": {asString, `"hashlib.sha512"`},
	"USER_SERIALIZER": skip, "EXPIRY_DATETIME_FORMAT": skip, "TOKEN_MODEL": skip,
}

// sessionRules are the defaults of django/conf/global_settings.py (3.2 to 5.2).
var sessionRules = map[string]rule{
	"ENGINE": {asString, `"django.contrib.sessions.backends.db"`}, "SERIALIZER": {asString, `"django.contrib.sessions.serializers.JSONSerializer"`},
	"COOKIE_NAME": {asString, `"sessionid"`}, "COOKIE_AGE": {asDuration, length(14 * day)},
	"EXPIRE_AT_BROWSER_CLOSE": {asBool, "false"}, "SAVE_EVERY_REQUEST": {asBool, "false"},
}

// rules writes what differs from the defaults, by name.
func (m *imported) rules(section, setting string, values map[string]any, rules map[string]rule) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		r, known := rules[name]
		if !known {
			if values[name] != nil {
				m.omit(section, output.Visible(strings.ToLower(name)), "tokenctl has no such setting of "+setting)
			}
			continue
		}
		if r.form == nil || values[name] == nil && name != "TOKEN_TTL" {
			continue
		}
		text, ok := r.form(values[name])
		switch key := strings.ToLower(name); {
		case !ok:
			m.omit(section, key, "tokenctl cannot hold the project's value")
		case text != r.byDefault:
			m.line(section, key, text)
		}
	}
}

func asString(v any) (string, bool) {
	s, ok := v.(string)
	return tomlString(s), ok
}

func asBool(v any) (string, bool) {
	b, ok := v.(bool)
	return strconv.FormatBool(b), ok
}

func asInt(v any) (string, bool) {
	n, ok := v.(json.Number)
	_, err := n.Int64()
	return n.String(), ok && err == nil
}

func asList(v any) (string, bool) {
	if s, ok := v.(string); ok {
		v = []any{s}
	}
	list, ok := v.([]any)
	var parts []string
	for _, e := range list {
		s, isText := e.(string)
		ok = ok && isText
		parts = append(parts, tomlString(s))
	}
	return "[" + strings.Join(parts, ", ") + "]", ok
}

// asStrings is a text or a list of them, which are not the same.
func asStrings(v any) (string, bool) {
	if _, one := v.(string); one {
		return asString(v)
	}
	return asList(v)
}

// asDuration takes a timedelta, or a number of seconds.
func asDuration(v any) (string, bool) {
	var d time.Duration
	switch v := v.(type) {
	case map[string]any:
		n, _ := v["microseconds"].(json.Number)
		us, err := n.Int64()
		if err != nil || us > int64(100*365*24*time.Hour/time.Microsecond) {
			return "", false
		}
		d = time.Duration(us) * time.Microsecond
	case json.Number:
		seconds, err := v.Float64()
		if err != nil || seconds > (100*365*24*time.Hour).Seconds() {
			return "", false
		}
		d = time.Duration(seconds*1e6) * time.Microsecond
	default:
		return "", false
	}
	return length(d), d >= 0
}

// asTTL is a timedelta, or None for what never ends.
func asTTL(v any) (string, bool) {
	if v == nil {
		return `"never"`, true
	}
	return asDuration(v)
}

// simpleJWT writes SIMPLE_JWT and its keys.
func (m *imported) simpleJWT(d *importDocument) {
	values := d.SimpleJWT
	if values["JWK_URL"] != nil {
		m.omit("simplejwt", "jwk_url", "tokenctl asks nobody over the network; put the public key into a verifying_key_file")
	}
	delete(values, "JWK_URL")
	m.rules("simplejwt", "SIMPLE_JWT", values, simpleJWTRules)
	algorithm, _ := values["ALGORITHM"].(string)
	hmac := algorithm == "" || strings.HasPrefix(algorithm, "HS")
	for _, key := range []struct{ setting, name string }{{"SIGNING_KEY", "signing_key"}, {"VERIFYING_KEY", "verifying_key"}} {
		value, isText := values[key.setting].(string)
		switch {
		case values[key.setting] == nil || value == "" && isText || hmac && key.name == "verifying_key":
		case !isText:
			m.omit("simplejwt", key.name+"_file", "the project's key is no text")
		case d.SecretKey == any(value): // simplejwt's default, also where the algorithm has no use for it
		default:
			m.keyFile(d, "simplejwt", key.name+"_file", key.name, value, "")
		}
	}
}

// keyFile writes a setting that names a file with a secret: the project's own
// file where it has one, otherwise a new one.
func (m *imported) keyFile(d *importDocument, section, key, name, value, env string) {
	source := d.Sources[name]
	switch {
	case env != "" && source.Env == env:
		m.omit(section, key, "the environment variable "+env+" holds it")
		m.notes = m.notes[:len(m.notes)-1] // this is in order
		return
	case unwritable(value):
		m.omit(section, key, "the project's key has an invisible character or a line break in it, which no file can hold; give it in the environment: tokenctl help environment")
		return
	case source.File != "":
		if _, err := readPrivate(source.File); err == nil {
			m.line(section, key, tomlString(source.File))
			return
		}
		m.note("%s is copied: others can read %s, or it is not yours", name, source.File)
	}
	m.files = append(m.files, importFile{name, strings.TrimSuffix(value, "\n") + "\n"})
	m.line(section, key, tomlString(name))
}

// unwritable reports whether a key would be another one once it was read from a file.
func unwritable(key string) bool {
	if strings.HasPrefix(key, "-----BEGIN ") {
		key = strings.NewReplacer("\r", "", "\n", "").Replace(key)
	}
	return tokenctl.Invisible(key) != ""
}

// secretKey writes where SECRET_KEY and its fallbacks are.
func (o *configImportOptions) secretKey(m *imported, d *importDocument) {
	key, ok := d.SecretKey.(string)
	if !ok || key == "" {
		m.omit("", "secret_key_file", "the project has no SECRET_KEY that is text")
		return
	}
	env := ""
	if source := d.Sources["secret_key"].Env; (source == "TOKENCTL_SECRET_KEY" || source == "DJANGO_SECRET_KEY") && o.app.Getenv(source) == key {
		env = source
	}
	m.keyFile(d, "", "secret_key_file", secretKeyFile, key, env)
	var names []string
	for i, fallback := range d.SecretKeyFallbacks {
		text, ok := fallback.(string)
		if !ok || text == "" || unwritable(text) {
			m.note("one of SECRET_KEY_FALLBACKS is left out: it is no text that a file can hold")
			continue
		}
		name := fmt.Sprintf("secret_key_fallback_%d", i+1)
		m.files = append(m.files, importFile{name, text + "\n"})
		names = append(names, tomlString(name))
	}
	if names != nil {
		m.line("", "secret_key_fallback_files", "["+strings.Join(names, ", ")+"]")
	}
}
