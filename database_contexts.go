package tokenctl

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/pelletier/go-toml/v2"
)

// DatabaseContext is a named database with its settings, a table of contexts.toml.
type DatabaseContext struct {
	Database  string `toml:"database"`  // as DATABASE_URL
	Config    string `toml:"config"`    // its tokenctl.toml; empty: as without a context
	Schema    string `toml:"schema"`    // as --schema
	Protected bool   `toml:"protected"` // changes need the context's name, or --confirm
}

// contextName is also a bare key of TOML.
var contextName = Lazily(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// CheckDatabaseContextName refuses a name that a context cannot have.
func CheckDatabaseContextName(name string) error {
	if contextName().MatchString(name) {
		return nil
	}
	return &Error{Code: CodeUsage, Message: fmt.Sprintf("%q cannot be the name of a context", name), Hint: "a name has letters, digits, - and _, such as shop"}
}

// ParseDatabaseContexts reads a contexts.toml. An unknown key, a wrong value or a name that a context
// cannot have is a CodeConfigInvalid error.
func ParseDatabaseContexts(text []byte) (map[string]DatabaseContext, error) {
	contexts := map[string]DatabaseContext{}
	dec := toml.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&contexts); err != nil {
		err := settingsError(text, err).(*Error)
		if err.Hint != "" {
			err.Hint = "a context has database, config, schema and protected"
		}
		return nil, err
	}
	var raw map[string]map[string]any
	if err := toml.Unmarshal(text, &raw); err != nil {
		return nil, settingsError(text, err)
	}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		if err := CheckDatabaseContextName(name); err != nil {
			return nil, &Error{Code: CodeConfigInvalid, Message: err.Error(), Hint: err.(*Error).Hint}
		}
		if contexts[name].Database == "" {
			return nil, &Error{Code: CodeConfigInvalid, Message: "the context " + name + " has no database", Hint: "give it one: database = \"postgresql://user@host/name\""}
		}
		for key, value := range raw[name] {
			if value == "" {
				return nil, &Error{Code: CodeConfigInvalid, Message: name + "." + key + " is empty", Hint: "leave it out, or give it a value"}
			}
			if err := checkText(name+"."+key, value); err != nil {
				return nil, err
			}
		}
	}
	return contexts, nil
}
