package commands

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tokenctl"
	"tokenctl/django"
	"tokenctl/output"
)

// validatorOptions are the OPTIONS of Django's own password validators.
var validatorOptions = map[string]func(any) (string, bool){"min_length": asInt, "max_similarity": asFloat, "user_attributes": asList, "password_list_path": asString}

func asFloat(v any) (string, bool) {
	n, ok := v.(json.Number)
	return n.String(), ok
}

// newProject are the validators of a new project, which are tokenctl's default.
const newProject = `[{name = "UserAttributeSimilarityValidator"}, {name = "MinimumLengthValidator"}, {name = "CommonPasswordValidator"}, {name = "NumericPasswordValidator"}]`

// validators writes AUTH_PASSWORD_VALIDATORS.
func (m *imported) validators(d *importDocument, dir string) {
	if d.Validators == nil {
		return
	}
	var list []string
	for _, v := range *d.Validators {
		const module = "django.contrib.auth.password_validation."
		name, own := strings.CutPrefix(v.Name, module)
		entry := "{name = " + tomlString(name)
		if !own {
			m.note("the password validator %s is the application's own: tokenctl names it, and cannot check with it", output.Visible(name))
			v.Options = nil
		}
		for _, option := range slices.Sorted(maps.Keys(v.Options)) {
			form, known := validatorOptions[option]
			if !known {
				m.note("%s of %s is left out: tokenctl has no such option", output.Visible(option), name)
				continue
			}
			value := v.Options[option]
			if path, text := value.(string); text && option == "password_list_path" && !filepath.IsAbs(path) {
				value = filepath.Join(dir, path)
			}
			if text, ok := form(value); ok {
				entry += ", " + option + " = " + text
			} else {
				m.note("%s of %s is left out: tokenctl cannot hold the project's value", option, name)
			}
		}
		list = append(list, entry+"}")
	}
	if text := "[" + strings.Join(list, ", ") + "]"; text != newProject {
		m.line("auth", "password_validators", text)
	}
}

// auth writes the user model and the hasher.
func (m *imported) auth(d *importDocument) {
	if u := d.User; u != nil {
		if strings.Contains(u.Table, `"`) {
			m.omit("auth", "user_table", "the table's name holds quotation marks; give --schema for one in another schema")
		} else {
			m.set("auth", "user_table", u.Table, "auth_user")
		}
		if u.Column != "username" || len(u.Unique) > 1 {
			m.set("auth", "username_field", u.Column, "")
		}
	}
	if len(d.Backends) > 0 && !slices.Equal(d.Backends, []string{tokenctl.ModelBackend}) {
		list := tokenctl.Mapped(d.Backends, tomlString)
		m.line("auth", "authentication_backends", "["+strings.Join(list, ", ")+"]")
	}
	if n := d.RecoveryCodes; n != nil && *n != tokenctl.DefaultRecoveryCodes {
		m.line("auth", "mfa_recovery_code_count", strconv.Itoa(*n))
	}
	if d.Hasher == nil {
		return
	}
	m.set("auth", "password_hasher", d.Hasher.Algorithm, tokenctl.PBKDF2SHA256)
	theirs, err := django.NewHasher(d.Hasher.Algorithm, d.Versions["django"])
	if err != nil {
		return // which password_hasher has told
	}
	p := d.Hasher.Parameters
	if n := p["iterations"]; n != theirs.Iterations {
		m.line("auth", "pbkdf2_iterations", strconv.Itoa(n))
	}
	for name, ours := range map[string]int{"time_cost": theirs.TimeCost, "memory_cost": theirs.MemoryCost, "parallelism": theirs.Parallelism,
		"work_factor": theirs.WorkFactor, "block_size": theirs.BlockSize, "rounds": theirs.Rounds} {
		if n := p[name]; n != 0 && n != ours {
			m.note("the project's %s hasher has a %s of its own: Django will rewrite tokenctl's hashes at the next login", d.Hasher.Algorithm, name)
		}
	}
}
