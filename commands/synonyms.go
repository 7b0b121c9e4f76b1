package commands

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// What people type who know other tools is answered with the command that does it, as it
// can be pasted. Nothing is run that was not typed.

// answer is a command for a word that is none.
type answer struct {
	about   string // what the command is for, where a word has several answers
	command string // with the arguments as they were typed
	users   string // with --user before each argument, where the arguments are no ids; empty: as command
}

// synonyms are the answers to words, by the command under which they were typed, "" being
// tokenctl itself.
var synonyms = map[string]map[string][]answer{
	"": {
		"create add new make generate issue": {{"a token", "mint", ""}, {"a user", "user create", ""}},
		"delete rm remove del destroy kill":  {{"credentials", "blacklist", "blacklist"}, {"the user", "user delete", ""}},
		"get describe info inspect view":     {{"", "show", "list"}},
		"ls search find":                     {{"", "list", "list"}},
		"status check":                       {{"a credential", "verify", "list"}, {"the database", "doctor", "-"}},
		"statistics count summary":           {{"", "stats", "-"}},
		"whoami":                             {{"a secret", "show -", "-"}, {"the database", "config show", "-"}},
		"regenerate replace reset":           {{"", "rotate", "rotate"}},
		"renew refresh":                      {{"the same secret for longer", "expire --ttl 90d", "expire --ttl 90d"}, {"a new secret", "rotate", "rotate"}},
		"extend prolong lengthen shorten":    {{"", "expire --ttl 90d", "expire --ttl 90d"}},
		"disable deactivate":                 {{"", "user deactivate", ""}},
		"enable activate":                    {{"", "user activate", ""}},
		"restore undelete unrevoke":          {{"", "unblacklist", ""}},
		"clean cleanup prune flushexpiredtokens clearsessions": {{"", "purge", ""}},
		"run start server runserver":                           {{"", "serve", "-"}},
		"setup migrate":                                        {{"", "init", "-"}},
		"passwd password changepassword":                       {{"", "user password", ""}},
		"createsuperuser":                                      {{"", "user create --superuser", ""}},
		"drf_create_token":                                     {{"", "mint", ""}},
		"settings":                                             {{"", "config show", "-"}},
		"import":                                               {{"", "config import", ""}},
		"useradd adduser":                                      {{"", "user create", ""}},
		"userdel deluser":                                      {{"", "user delete", ""}},
		"users":                                                {{"", "user list", ""}},
		"token tokens credential credentials session sessions id": {{"", "list", "list"}},
	},
	"user": {
		"add new":               {{"", "user create", ""}},
		"rm remove del":         {{"", "user delete", ""}},
		"ls search find":        {{"", "user list", ""}},
		"get view info status":  {{"", "user show", ""}},
		"disable":               {{"", "user deactivate", ""}},
		"enable":                {{"", "user activate", ""}},
		"passwd changepassword": {{"", "user password", ""}},
		"tokens":                {{"", "list", "list"}},
	},
	"config": {
		"list ls get view explain dump print": {{"", "config show", "-"}},
		"set edit init":                       {{"look", "config show", "-"}, {"write", "config import ./manage.py", "-"}},
	},
}

// objects are words before a verb that go without saying, or name the group of the verb.
var objects = map[string]string{"token": "", "tokens": "", "credential": "", "credentials": "", "users": "user"}

// answersTo are the commands for a word with arguments behind it.
func answersTo(c *cobra.Command, args []string) []string {
	path := strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), c.Root().Name()), " ")
	word := strings.ToLower(args[0])
	if group, ok := objects[word]; ok && path == "" && len(args) > 1 {
		under := c
		if group != "" {
			under, _, _ = c.Find([]string{group})
		}
		if slices.Contains(childNames(under), args[1]) {
			return []string{commandLine(strings.TrimPrefix(group+" "+args[1], " "), args[2:], "")}
		}
		if list := answersTo(under, args[1:]); list != nil {
			return list
		}
	}
	if word == "help" {
		return []string{commandLine("help "+path, args[1:], "")}
	}
	for words, answers := range synonyms[path] {
		if !slices.Contains(strings.Fields(words), word) {
			continue
		}
		var list []string
		for _, a := range answers {
			text := commandLine(a.command, args[1:], a.users)
			if a.about != "" {
				text = a.about + "? " + text
			}
			list = append(list, text)
		}
		return list
	}
	return nil
}

// commandLine is a command with arguments, as a shell takes it. With users "-" the
// arguments are left out; else, where they are no ids, users is the command that takes them
// with --user.
func commandLine(command string, args []string, users string) string {
	option := func(arg string) bool { return strings.HasPrefix(arg, "-") }
	named := len(args) > 0 && users != "" && idsAmong(args) == nil && !slices.ContainsFunc(args, option)
	line := []string{"tokenctl"}
	switch {
	case users == "-":
		return "tokenctl " + command
	case named:
		command = users
	}
	line = append(line, strings.Fields(command)...)
	for _, arg := range args {
		if named {
			line = append(line, "--user")
		}
		line = append(line, quoted(arg))
	}
	return strings.Join(line, " ")
}

// quoted is an argument as a shell takes it.
func quoted(text string) string {
	if plainWord().MatchString(text) || text == "-" || strings.HasPrefix(text, "-") && plainWord().MatchString(strings.TrimLeft(text, "-")) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// childNames are what the commands below c are called.
func childNames(c *cobra.Command) (names []string) {
	for _, child := range c.Commands() {
		if shown(child) {
			names = append(append(names, child.Name()), child.Aliases...)
		}
	}
	return names
}

// unknownCommand is what a command that only groups others does by itself.
func (a *App) unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		c.Help() //nolint:errcheck // showHelp keeps the error
		return a.helpError
	}
	hint := "see " + c.CommandPath() + " --help"
	if list := answersTo(c, args); list != nil {
		hint = strings.Join(list, "; ")
	} else if name := nearest(args[0], childNames(c)); name != "" {
		hint = "did you mean " + c.CommandPath() + " " + name + "?"
	}
	return usage("there is no command "+c.CommandPath()+" "+args[0], hint)
}

// typedFrom are the arguments as they were typed, with flags, from the first of args on. A
// line with a URL is not repeated: it may hold a password.
func (a *App) typedFrom(args []string) []string {
	at := slices.Index(a.args, args[0])
	if at < 0 || a.holdsURL() {
		return args
	}
	return a.args[at:]
}

func (a *App) holdsURL() bool {
	return slices.ContainsFunc(a.args, func(arg string) bool { return strings.Contains(arg, "://") })
}

// typedUsers is the command line as it was typed, with --user before the arguments.
func (a *App) typedUsers(args []string) string {
	line := []string{"tokenctl"}
	for _, typed := range a.args {
		if len(args) > 0 && typed == args[0] {
			line, args = append(line, "--user"), args[1:]
		}
		line = append(line, quoted(typed))
	}
	return strings.Join(line, " ")
}

// flagAnswers are the flags for names that are none; {} is where the value goes. Those of
// one command stand under "command --name".
var flagAnswers = map[string]string{
	"json": "-o json", "ndjson": "-o ndjson", "csv": "-o csv", "tsv": "-o tsv", "yaml": "-o yaml", "table": "-o table", "format": "-o {}",
	"since": "--created-after {}", "after": "--created-after {}", "newer-than": "--created-after {}",
	"until": "--created-before {}", "before": "--created-before {}",
	"expired": "--status expired", "active": "--status active", "disabled": "--status disabled", "inactive": "--status disabled",
	"revoked": "--status blacklisted", "blacklisted": "--status blacklisted", "state": "--status {}",
	"port": "--listen 127.0.0.1:{}", "host": "--listen {}:8000", "bind": "--listen {}", "address": "--listen {}",
	"username": "--user {}", "name": "--user {}", "owner": "--user {}", "pk": "--user-id {}", "uid": "--user-id {}",
	"db": "-d {}", "url": "-d {}", "database-url": "-d {}", "fields": "--columns {}", "order-by": "--sort {}",
	"expires-in": "--ttl {}", "lifetime": "--ttl {}", "expiry": "--expires {}", "output-file": "--out {}",
	"dryrun": "--dry-run", "force": "--yes", "assume-yes": "--yes", "no-color": "--color never",
	"purge --older-than": "--keep-newer-than {}", "purge --created-before": "--expires-before {}", "purge --expired": "",
}

// typedFlag is the command line as it was typed, with the right flag for one that there is
// not; empty where none is known.
func (a *App) typedFlag(c *cobra.Command, name string) string {
	to, ok := flagAnswers[c.Name()+" --"+name]
	if !ok {
		to, ok = flagAnswers[name]
	}
	flag, rest, _ := strings.Cut(to, " ")
	short, long := strings.TrimPrefix(flag, "-"), strings.TrimPrefix(flag, "--")
	known := flag == "" || c.Flags().Lookup(long) != nil || len(short) == 1 && c.Flags().ShorthandLookup(short) != nil
	if !ok || !known || a.holdsURL() {
		return ""
	}
	var line []string
	for i := 0; i < len(a.args); i++ {
		typed, value, given := strings.Cut(a.args[i], "=")
		if typed != "--"+name {
			line = append(line, quoted(a.args[i]))
			continue
		}
		if !given && strings.Contains(rest, "{}") {
			value = "VALUE"
			if i+1 < len(a.args) {
				i++
				value = a.args[i]
			}
		}
		if flag != "" {
			line = append(line, flag)
		}
		if rest != "" {
			line = append(line, quoted(strings.ReplaceAll(rest, "{}", value)))
		}
	}
	return "tokenctl " + strings.Join(line, " ")
}

// statusWords are the statuses for words that people use for them.
var statusWords = map[string]string{"revoked": "blacklisted", "blocked": "blacklisted", "deleted": "blacklisted", "inactive": "disabled",
	"deactivated": "disabled", "valid": "active", "live": "active", "ok": "active", "invalid": "dead", "stale": "expired"}

// kindWords are the kinds for words that people use for them.
var kindWords = map[string]string{"token": "drf", "tokens": "drf", "authtoken": "drf", "simplejwt": "jwt", "jwts": "jwt", "sessions": "session", "django-rest-knox": "knox"}

// instead is the hint for a flag's value that is none of those there are.
func instead(flag, text string, words map[string]string, names []string, all string) string {
	right := words[strings.ToLower(text)]
	if right == "" {
		right = nearest(strings.ToLower(text), names)
	}
	if right == "" {
		return all
	}
	return "write --" + flag + " " + right + "; " + all
}
