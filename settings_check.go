package tokenctl

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// meaningful are the settings that may be empty or zero. For all others that would be
// the same as leaving them out, which is not what was written.
var meaningful = map[string]bool{"knox.token_prefix": true, "knox.token_limit_per_user": true, "knox.min_refresh_interval": true,
	"simplejwt.leeway": true, "secret_key_fallback_files": true, "auth.password_validators": true, "session.cache_version": true}

// exact are the settings whose text is the application's, whatever stands in it.
var exact = map[string]bool{"simplejwt.issuer": true, "simplejwt.audience": true, "session.cache_key_prefix": true}

// checkKeys returns an error for a setting of the file that is empty or has invisible
// characters. s holds the settings that were read from the file.
func (s *Settings) checkKeys(text []byte) error {
	var sections map[string]any
	if err := toml.Unmarshal(text, &sections); err != nil {
		return err
	}
	return checkTable("", sections, reflect.ValueOf(s).Elem())
}

func checkTable(section string, sections map[string]any, into reflect.Value) error {
	for i := range into.NumField() {
		key := into.Type().Field(i).Tag.Get("toml")
		for name, raw := range sections {
			if !strings.EqualFold(name, key) { // as the decoder has it
				continue
			}
			table, nested := raw.(map[string]any)
			var err error
			if nested && into.Field(i).Kind() == reflect.Struct {
				err = checkTable(section+key+".", table, into.Field(i))
			} else {
				err = checkValue(section+key, raw, into.Field(i))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func checkValue(name string, raw any, v reflect.Value) error {
	for (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && !v.IsNil() {
		v = v.Elem()
	}
	empty := v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
	if empty && v.Kind() != reflect.Bool && !meaningful[name] {
		what := "zero"
		if v.Kind() == reflect.String || v.Kind() == reflect.Slice {
			what = "empty"
		}
		return &Error{Code: CodeConfigInvalid, Message: name + " is " + what, Hint: "leave it out for the default, or give it a value"}
	}
	if exact[name] {
		return nil
	}
	return checkText(name, raw)
}

// checkText looks for invisible characters in all texts of a value.
func checkText(name string, raw any) error {
	switch raw := raw.(type) {
	case string:
		if found := Invisible(raw); found != "" {
			return &Error{Code: CodeConfigInvalid, Message: fmt.Sprintf("%s has %s in it", name, found), Hint: "remove it"}
		}
	case []any:
		for _, e := range raw {
			if err := checkText(name, e); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, e := range raw {
			if err := checkText(name, e); err != nil {
				return err
			}
		}
	}
	return nil
}
