package commands

import (
	"encoding"
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"

	"tokenctl"
)

// settingSections are the parts of tokenctl.toml whose settings are flags of
// serve, and what stands before the setting's name in Django.
var settingSections = []struct{ section, django string }{{"drf", "TokenAuthentication: "}, {"simplejwt", "SIMPLE_JWT: "}, {"knox", "REST_KNOX: "}, {"session", "SESSION_"}}

// settingFlags adds a flag for every setting of these parts: --knox-token-ttl is
// token_ttl of [knox]. What is given becomes TOML, so that a file and a flag are
// read alike.
func settingFlags(f *pflag.FlagSet, given *[]byte) {
	for _, part := range settingSections {
		section := part.section
		kind, _ := reflect.TypeFor[tokenctl.Settings]().FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, section) })
		for i := range kind.Type.NumField() {
			field := kind.Type.Field(i)
			key := field.Tag.Get("toml")
			v := &settingValue{kind: field.Type, to: given, key: section + "." + key}
			flag := f.VarPF(v, section+"-"+strings.ReplaceAll(key, "_", "-"), "", part.django+strings.ToUpper(key))
			if v.Type() == "bool" {
				flag.NoOptDefVal = "true"
			}
		}
	}
}

// settingValue is a setting as a flag.
type settingValue struct {
	kind reflect.Type
	to   *[]byte
	key  string
	text string
}

func (v *settingValue) String() string { return v.text }

// Type is what help calls the value.
func (v *settingValue) Type() string {
	kind := v.kind
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	switch {
	case reflect.PointerTo(kind).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return "TIME"
	case kind.Kind() == reflect.Bool:
		return "bool"
	case kind.Kind() == reflect.Int:
		return "N"
	case kind.Kind() == reflect.Slice:
		return "WORDS"
	case strings.HasSuffix(v.key, "_file"):
		return "FILE"
	}
	return "TEXT"
}

func (v *settingValue) Set(text string) error {
	var value any = text
	var err error
	switch v.Type() {
	case "bool":
		value, err = strconv.ParseBool(text)
	case "N":
		value, err = strconv.Atoi(text)
	case "WORDS":
		value = strings.Split(text, ",")
	case "TEXT":
		if v.key == "simplejwt.audience" && strings.Contains(text, ",") {
			value = strings.Split(text, ",")
		}
	}
	if err != nil {
		return errors.New("it takes " + map[string]string{"bool": "true or false", "N": "a whole number"}[v.Type()])
	}
	line, err := toml.Marshal(map[string]any{"v": value})
	if err != nil {
		return err
	}
	line = append([]byte(v.key), strings.TrimPrefix(string(line), "v")...)
	if err := new(tokenctl.Settings).Apply(line); err != nil {
		// Which line it would have in a file is of no use here.
		message := err.Error()
		if _, rest, ok := strings.Cut(message, ": "); ok && strings.HasPrefix(message, "line ") {
			message = rest
		}
		return errors.New(message)
	}
	v.text = text
	*v.to = append(*v.to, line...)
	return nil
}
