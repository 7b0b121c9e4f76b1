package commands

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tokenctl"
	"tokenctl/tokens"
)

// checkForSecrets ends the run before anything can repeat an argument that a secret stands
// in. A flag's value counts as well, in every way of writing one. What can be a folder or
// a name is left to checkValuesForSecrets, which knows what each argument is.
func checkForSecrets(args []string) error {
	for _, arg := range args {
		if tokens.Holds(arg, tokens.InPath) {
			return secretInArgument()
		}
	}
	return nil
}

// pathArguments marks a command whose arguments are paths.
const pathArguments = "arguments are paths"

// checkValuesForSecrets returns an error for a secret in the arguments and in the values of the flags, by what
// they are: a folder may be named by a commit, and a user as a session key looks.
func checkValuesForSecrets(c *cobra.Command, args []string) error {
	check := func(text string, where tokens.Where, path bool) error {
		if tokens.Holds(text, where) || path && !strings.Contains(text, "/") && tokens.LooksLikeSecret(text) {
			return secretInArgument()
		}
		return nil
	}
	place, path := tokens.InName, c.Annotations[pathArguments] != ""
	if path {
		place = tokens.InPath
	}
	for _, arg := range args {
		if err := check(arg, place, path); err != nil {
			return err
		}
		if creates(c) && tokens.LooksLikeSecret(arg) {
			e := secretInArgument()
			e.Hint = "if it is the name of a new user, give it in a file: --users-from or --from-csv"
			return e
		}
	}
	var err error
	c.Flags().Visit(func(f *pflag.Flag) {
		place := tokens.InName
		name, _ := pflag.UnquoteUsage(f)
		switch {
		case name == "FILE", name == "URL", name == "DIR":
			place = tokens.InPath
		case f.Name == "schema": // which config show repeats
			place = tokens.Anywhere
		}
		if err == nil {
			err = check(f.Value.String(), place, name == "FILE")
		}
	})
	return err
}

// creates reports whether a command makes users who are not there.
func creates(c *cobra.Command) bool {
	for _, name := range []string{"create", "init"} {
		if f := c.Flags().Lookup(name); f != nil && f.Value.String() == "true" {
			return true
		}
	}
	return c.Name() == "create"
}

func secretInArgument() *tokenctl.Error {
	return &tokenctl.Error{Code: tokenctl.CodeSecretInArgument, Message: "an argument looks like a secret; every process on this machine can read arguments",
		Hint: "give secrets on standard input, with - in place of the argument, or with --token-file"}
}

// noArguments is cobra.NoArgs in words that fit a command without others below
// it.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	path := strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
	hint := "see " + c.CommandPath() + " --help"
	switch {
	case len(idsAmong(args)) > 0:
		hint = commandLine("show", args, "")
	case path == "user list":
		hint = commandLine("user show", args, "")
	case c.Flags().Lookup("user") != nil:
		hint = commandLine(path, args, path)
	}
	return usage(c.CommandPath()+" takes no argument: "+args[0], hint)
}

// idsAmong are the ids among arguments.
func idsAmong(args []string) (ids []string) {
	for _, arg := range args {
		if _, _, err := tokens.ParseID(arg); err == nil {
			ids = append(ids, arg)
		}
	}
	return ids
}

// noID is the error about one of the arguments that is no id. The hint repeats the command line, if all of them may
// be users.
func (a *App) noID(verb, arg string, args []string, err error) error {
	var e *tokenctl.Error
	if !errors.As(err, &e) || !repeatable(arg) {
		return err
	}
	var line string
	switch {
	case slices.Contains([]string{"show", "verify", "unblacklist", "check"}, verb):
		line = commandLine("list", []string{arg}, "list")
	case idsAmong(args) != nil || a.holdsURL() || slices.ContainsFunc(args, func(arg string) bool { return !repeatable(arg) }):
		line = commandLine(verb, []string{arg}, verb)
	default:
		line = a.typedUsers(args)
	}
	return usage(fmt.Sprintf("%q is not a credential id", arg), "a user? "+line+"; "+e.Hint)
}

// repeatable reports whether an argument can be no part of a secret.
func repeatable(arg string) bool {
	plain := len(arg) < 20 || len(arg) < 40 && strings.ContainsAny(arg, "@ .-")
	return arg != "" && arg != "-" && plain && tokens.Damage(arg) == ""
}

// needsReference asks for an argument, unless --token-file stands in for it.
func needsReference(tokenFile *string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 && *tokenFile == "" {
			return usage("nothing to "+c.Name(), "write an id, or - to read ids and secrets from standard input")
		}
		return nil
	}
}

func tokenFileFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "token-file", "", "read a secret from `FILE`")
}

var outputFlag = tokenctl.Lazily(`^(?:-[qvy]*o=?|--output=?)(.*)$`)

// findOutput finds -o on a command line that was not parsed to its end, so that
// the complaint has the form that was asked for.
func (a *App) findOutput() {
	for i, arg := range a.args {
		if arg == "--" {
			return
		}
		if m := outputFlag().FindStringSubmatch(arg); m != nil {
			value := m[1]
			if value == "" && i+1 < len(a.args) {
				value = a.args[i+1]
			}
			if value == "json" {
				a.global.output = value
			}
		}
	}
}

// exclusiveFlags is cobra's check of flags that do not go together, in our
// words and with our exit status.
func exclusiveFlags(c *cobra.Command) error {
	if c.ValidateFlagGroups() == nil {
		return nil
	}
	groups := map[string][]string{} // the flags that were given, by the group
	var given []string
	c.Flags().Visit(func(f *pflag.Flag) {
		for _, group := range f.Annotations["cobra_annotation_mutually_exclusive"] {
			if groups[group] = append(groups[group], "--"+f.Name); len(groups[group]) > 1 && len(given) < len(groups[group]) {
				given = groups[group]
			}
		}
	})
	return usage(strings.Join(given, " and ")+" do not go together", "give one of them")
}

// flagError says what is wrong with a flag, in the same words for all flags of a type.
func (a *App) flagError(c *cobra.Command, err error) error {
	hint := "see " + c.CommandPath() + " --help"
	var invalid *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &invalid):
		f, text := invalid.GetFlag(), invalid.GetValue()
		switch f.Value.Type() {
		case "int":
			return usage(fmt.Sprintf("--%s takes a whole number, not %q", f.Name, text), hint)
		case "float64":
			return usage(fmt.Sprintf("--%s takes a number, not %q", f.Name, text), hint)
		case "bool":
			return usage(fmt.Sprintf("--%s takes true or false, not %q", f.Name, text), "write --"+f.Name+" alone for true")
		}
		if _, duration := f.Value.(*durationValue); duration {
			hint = "write a number and its unit: s, m, h, d, w, mo or y"
			if _, err := strconv.ParseFloat(text, 64); err == nil {
				hint = fmt.Sprintf("write --%[1]s %[2]ss, %[2]sm, %[2]sh, %[2]sd, %[2]sw, %[2]smo or %[2]sy", f.Name, text)
			}
		}
		if _, query := f.Value.(*queryValue); query {
			return usage("--jq "+invalid.Unwrap().Error(), queryHint)
		}
		return usage("--"+f.Name+": "+invalid.Unwrap().Error(), hint)
	case errors.As(err, &missing):
		f := missing.GetFlag()
		placeholder, _ := pflag.UnquoteUsage(f)
		return usage("--"+f.Name+" needs a value", "write --"+f.Name+" "+placeholder)
	case errors.As(err, &unknown):
		if answer := a.typedFlag(c, unknown.GetSpecifiedName()); answer != "" {
			return usage(err.Error(), answer)
		}
	}
	return usage(err.Error(), suggestFlag(c, err))
}

// suggestFlag is the hint for a flag that could not be parsed: the one that may
// have been meant.
func suggestFlag(c *cobra.Command, err error) string {
	hint := "see " + c.CommandPath() + " --help"
	var typed string
	if n, _ := fmt.Sscanf(err.Error(), "unknown flag: --%s", &typed); n != 1 {
		return hint
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if name := nearest(typed, names); name != "" {
		hint = "did you mean --" + name + "?"
	}
	return hint
}

// nearest is the name that a mistyped word was probably meant to be; empty when
// none is near.
func nearest(typed string, names []string) string {
	best, least := "", 3
	for _, name := range names {
		d := distance(typed, name)
		if len(typed) > 2 && strings.HasPrefix(name, typed) {
			d = min(d, 2)
		}
		if d < least && d < len(name) {
			best, least = name, d
		}
	}
	return best
}

// distance is the number of letters to change, add or leave out between two
// words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
