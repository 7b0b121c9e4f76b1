package server

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf16"

	"tokenctl"
	"tokenctl/django"
)

// serializer is a Serializer of rest_framework/serializers.py (3.16.0): the fields of a body, the rules for
// their values, and their description for OPTIONS.
type serializer struct {
	fields  []field
	partial bool // PATCH: fields that are not sent stay as they are
}

// field is a field of rest_framework/fields.py (3.16.0), by default a CharField. The zero value of a setting
// is the peer's default.
type field struct {
	name      string
	fieldType string           // its name in OPTIONS: "email", "integer"; empty means "string"
	release   tokenctl.Version // of Django, for EmailValidator
	label     string           // empty: it comes from the name
	help      string

	readOnly   bool // a value in a body is ignored
	optional   bool // required=False
	allowBlank bool
	untrimmed  bool // trim_whitespace=False
	maxLength  int  // in characters; 0: no limit

	checks   []func(value string) string // the field's own validators, before the built-in ones
	validate func(value string) string   // validate_<name>, once the field is valid
}

const (
	requiredMessage = "This field is required."
	nullMessage     = "This field may not be null."
	blankMessage    = "This field may not be blank."
)

// nonFieldErrors is the name for errors that are not about a field.
const nonFieldErrors = "non_field_errors"

// valid is is_valid(raise_exception=True) on request.data.
func (r *request) valid(s *serializer) (dict, error) {
	body, err := r.parseBody()
	if err != nil {
		return nil, err
	}
	values, errs := s.run(body)
	if errs != nil {
		return nil, invalid(errs)
	}
	return values, nil
}

// run is Serializer.run_validation. Either values or errs is nil. errs has a list of messages for each field,
// as the peer renders them.
func (s serializer) run(body parsedBody) (values dict, errs object) {
	sent, ok := body.value.(dict)
	switch {
	case body.value == nil:
		return nil, object{{nonFieldErrors, []string{"No data provided"}}}
	case !ok:
		return nil, object{{nonFieldErrors, []string{"Invalid data. Expected a dictionary, but got " + pyType(body.value) + "."}}}
	}
	for _, f := range s.fields {
		if f.readOnly {
			continue
		}
		value, given := sent.Get(f.name)
		if body.isForm && value == "" && f.optional && !f.allowBlank {
			given = false // Field.get_value: an empty field of a form counts as missing
		}
		if !given {
			if !f.optional && !s.partial {
				errs = append(errs, member{f.name, []string{requiredMessage}})
			}
			continue
		}
		text, faults := f.run(value)
		if len(faults) > 0 {
			errs = append(errs, member{f.name, faults})
			continue
		}
		values.Set(f.name, text)
	}
	if errs != nil {
		return nil, errs
	}
	return values, nil
}

// run is CharField.run_validation.
func (f field) run(value any) (string, []string) {
	text, isText := pyText(value)
	if text == "" && isText || !f.untrimmed && isText && django.TrimSpace(text) == "" {
		if !f.allowBlank {
			return "", []string{blankMessage}
		}
		return f.finish("")
	}
	if value == nil {
		return "", []string{nullMessage}
	}
	if _, isFile := value.(*upload); !isText || isFile {
		if f.fieldType == emailType {
			return "", []string{emailMessage}
		}
		return "", []string{"Not a valid string."}
	}
	if !f.untrimmed {
		text = django.TrimSpace(text)
	}
	if faults := f.faults(text); len(faults) > 0 {
		return "", faults
	}
	return f.finish(text)
}

func (f field) finish(text string) (string, []string) {
	if f.validate != nil {
		if fault := f.validate(text); fault != "" {
			return "", []string{fault}
		}
	}
	return text, nil
}

const (
	emailType    = "email"
	emailMessage = "Enter a valid email address."
)

// faults is Field.run_validators: it runs every validator and returns all messages.
func (f field) faults(text string) (faults []string) {
	for _, check := range f.checks {
		if fault := check(text); fault != "" {
			faults = append(faults, fault)
		}
	}
	if f.maxLength > 0 && pyLen(text) > f.maxLength {
		faults = append(faults, fmt.Sprintf("Ensure this field has no more than %d characters.", f.maxLength))
	}
	if strings.Contains(text, "\x00") {
		faults = append(faults, "Null characters are not allowed.")
	}
	if surrogate, ok := firstSurrogate(text); ok {
		faults = append(faults, fmt.Sprintf("Surrogate characters are not allowed: U+%X.", surrogate))
	}
	if f.fieldType == emailType && django.ValidateEmailIn(f.release, text) != nil {
		faults = append(faults, emailMessage)
	}
	return faults
}

// pyType is type(value).__name__.
func pyType(value any) string {
	switch value.(type) {
	case bool:
		return "bool"
	case pyInt:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case []any:
		return "list"
	}
	return "dict"
}

// pyText is str(value) for values that a CharField accepts, and for a file; ok is false for other values.
func pyText(value any) (text string, ok bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case pyInt:
		return string(v), true
	case float64:
		if math.IsInf(v, 1) {
			return "inf", true
		} else if math.IsInf(v, -1) {
			return "-inf", true
		}
		return string(django.AppendPythonFloat(nil, v)), true
	case *upload:
		return v.name, true
	}
	return "", false
}

// pyLen is len() of a str. A lone surrogate is one character; Go would count its three bytes.
func pyLen(s string) (n int) {
	for s != "" {
		_, size := django.DecodePythonRune(s)
		s = s[size:]
		n++
	}
	return n
}

func firstSurrogate(s string) (rune, bool) {
	for s != "" {
		u, size := django.DecodePythonRune(s)
		if utf16.IsSurrogate(u) {
			return u, true
		}
		s = s[size:]
	}
	return 0, false
}
