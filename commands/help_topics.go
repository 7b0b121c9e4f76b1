package commands

import (
	"encoding"
	"reflect"
	"strconv"
	"strings"

	"tokenctl"
	"tokenctl/output"
	"tokenctl/tokens"
)

// topics are the topics of tokenctl help. The documents are generated from the same tables.
var topics = []struct {
	name, about string
	text        func(width int) string
}{
	{"environment", "variables that tokenctl reads", environmentHelp},
	{"exit-status", "what the exit status and the code of an error mean", exitHelp},
	{"fields", "the fields of every output, for --field and --columns", fieldsHelp},
	{"settings", "what tokenctl.toml may hold", settingsHelp},
	{"formats", "the forms of output, times and durations", formatsHelp},
	{"kinds", "the kinds of credentials, and what each can do", kindsHelp},
	{"recipes", "whole command lines for common work", recipesHelp},
}

func topicRows() (rows [][2]string) {
	for _, t := range topics {
		rows = append(rows, [2]string{t.name, t.about})
	}
	return rows
}

// environment are the variables that tokenctl reads.
var environment = [][2]string{
	{"TOKENCTL_CONTEXT", "the context, if neither -d nor --context names the database: see tokenctl context"},
	{"TOKENCTL_DATABASE_URL", "the database, if neither -d nor --context names it; together with TOKENCTL_CONTEXT it is an error"},
	{"DATABASE_URL", "the database, if nothing above names it"},
	{"PGHOST, PGSERVICE, PGDATABASE", "the database, if nothing above and no tokenctl.toml names it; with one of them all other variables of libpq count too"},
	{"PGPASSWORD, PGPASSFILE", "the password of PostgreSQL, or the file that has it; ~/.pgpass is safer"},
	{"XDG_CONFIG_HOME, HOME", "the folder of tokenctl/contexts.toml: $XDG_CONFIG_HOME, else $HOME/.config"},
	{"TOKENCTL_SECRET_KEY, DJANGO_SECRET_KEY", "Django's SECRET_KEY; secret_key_file in tokenctl.toml is safer"},
	{tokenctl.CachePassword, "the password of cache_url under [session]; cache_password_file in tokenctl.toml is safer"},
	{"TOKENCTL_DENYLIST_URL", "the Redis of the denylist, instead of url under [denylist] in tokenctl.toml: see tokenctl denylist"},
	{"TOKENCTL_DENYLIST_PASSWORD", "the password of that Redis, instead of one in its URL; password_file in tokenctl.toml is safer"},
	{"TOKENCTL_JOURNAL", "the file of the journal, instead of journal in tokenctl.toml: see tokenctl journal"},
	{"SUDO_USER", "the user who called sudo, for the journal"},
	{"NO_COLOR, CLICOLOR_FORCE", "no colour if NO_COLOR is not empty; colour without a terminal if CLICOLOR_FORCE is 1"},
	{"TERM", "no colour and no progress line if it is dumb"},
	{"COLUMNS", "the width of tables and help, instead of the terminal's"},
	{"TOKENCTL_PAGER, PAGER", "the command that shows output longer than the screen, instead of less; cat turns it off, as --no-pager does"},
	{"CI", "no questions if it is not empty, as with --no-input"},
}

func environmentHelp(width int) string {
	return paragraphs("A flag takes precedence over every variable. An empty variable counts as not set.\n", width) + definitions(environment, width)
}

func exitHelp(width int) string {
	rows := make([][2]string, 0, len(statuses))
	for _, s := range statuses {
		rows = append(rows, [2]string{s.status, s.meaning})
	}
	text := definitions(rows, width) + "\n" +
		paragraphs("With -o json an error is one object on stderr, {\"error\":{\"code\",\"message\",\"hint\"}}. The codes, each with its exit status:\n", width)
	rows = rows[:0]
	for _, c := range codes {
		rows = append(rows, [2]string{string(c.code), c.meaning + " (" + strconv.Itoa(c.status) + ")"})
	}
	return text + definitions(rows, width)
}

func fieldsHelp(width int) string {
	text := paragraphs("--field NAME prints only one value, which may be inside another (owner.is_active). --columns A,B prints the fields in this order, --columns +A the usual fields and A. "+
		"An unknown value is null, and empty in text. With several schemas the last field of each row is schema.\n", width)
	rows := tokenctl.Mapped(rowFields(), func(r fieldRow) [2]string {
		return [2]string{strings.Join(r.commands, ", "), strings.Join(columnNames(r.known()), " ")}
	})
	return text + definitions(rows, width)
}

// settingNames returns the settings of tokenctl.toml by section. The settings before the first section come first.
func settingNames() (sections []settingSection) {
	general := settingSection{}
	t := reflect.TypeFor[tokenctl.Settings]()
	for i := range t.NumField() {
		field := t.Field(i)
		name := field.Tag.Get("toml")
		if _, leaf := reflect.Zero(field.Type).Interface().(encoding.TextMarshaler); field.Type.Kind() != reflect.Struct || leaf {
			general.names = append(general.names, name)
			continue
		}
		section := settingSection{name: "[" + name + "]"}
		for j := range field.Type.NumField() {
			section.names = append(section.names, field.Type.Field(j).Tag.Get("toml"))
		}
		sections = append(sections, section)
	}
	return append([]settingSection{general}, sections...)
}

type settingSection struct {
	name  string
	names []string
}

func settingsHelp(width int) string {
	var rows [][2]string
	for _, s := range settingNames() {
		if s.name == "" {
			s.name = "before them"
		}
		rows = append(rows, [2]string{s.name, strings.Join(s.names, " ")})
	}
	return paragraphs(`tokenctl.toml is read from --config, else from the working directory, else from beside the SQLite database in use. It must give nothing to others (chmod 600). The names are Django's, in lower case.

tokenctl config import ./manage.py writes it from a Django project; tokenctl config show tells every value and where it came from. The sections and their settings:
`, width) + definitions(rows, width)
}

// formatWords describe the output formats.
var formatWords = map[output.Format]string{
	output.Table:  "for people: the default at a terminal",
	output.JSON:   "one array, or one object for a single thing",
	output.NDJSON: "one JSON object on each line",
	output.CSV:    "with a header; cells that a spreadsheet would run are defused unless --csv-raw is given",
	output.TSV:    "tab-separated, with a header; tabs and line ends are written \\t and \\n",
	output.YAML:   "one list, or one object",
	output.ID:     "only the ids, one on each line: for a pipe to tokenctl blacklist -",
}

func formatsHelp(width int) string {
	rows := tokenctl.Mapped(output.Formats(), func(name string) [2]string { return [2]string{"-o " + name, formatWords[output.Format(name)]} })
	return paragraphs("Without a terminal and without -o the rows are tab-separated text without a header. With --out the ending of the file's name chooses the format: .csv, .json, .ndjson, .tsv, .yaml.\n", width) +
		definitions(rows, width) +
		paragraphs(`
--field NAME prints one value a row, and nothing else. Dots lead to a value inside another: show --field owner.is_active, show --field claims.aud.0. What is not there is an empty line.

--jq EXPRESSION prints what jq makes of the JSON; jq itself need not be installed. The expression gets what -o json prints: an array, or an object where one thing was asked about. With -o ndjson it gets each row by itself, which needs no memory for a long list. Each result is a line: a text without quotes, anything else as JSON, the keys of objects in the order of the alphabet. A wrong expression is status 2, and then nothing is changed:
`, width) + examples(jqExamples, width) + paragraphs(`
A time in output is RFC 3339 in UTC. A DATE on the command line is 2026-11-22, 2026-11-22T15:04:05Z or an age such as 90d. A TIME is a number with a unit, or several: `+
		tokenctl.DurationForms+`. A month (mo) is 30 days, a year (y) 365 days.
`, width)
}

// jqExamples are examples of --jq. Tests run them.
const jqExamples = `  tokenctl list --jq 'map(.user) | unique | length'
  tokenctl list -o ndjson --jq 'select(.expires == null) | .id'
  tokenctl list --jq 'group_by(.kind)[] | "\(.[0].kind): \(length)"'
  tokenctl verify - --jq .reason`

func kindsHelp(width int) string {
	var rows [][2]string
	for _, k := range tokens.Kinds() {
		var can, cannot []string
		for _, verb := range tokens.Verbs {
			if k.Can(verb) {
				can = append(can, verb)
			} else {
				cannot = append(cannot, verb)
			}
		}
		text := k.Title + " (" + k.App + "), with ids like " + k.IDForm + ": " + strings.Join(can, ", ")
		if cannot != nil {
			text += "; not " + strings.Join(cannot, ", ")
		}
		rows = append(rows, [2]string{k.Name, text})
	}
	return paragraphs("A credential has one of these kinds. The verbs after the colon work for the kind:\n", width) + definitions(rows, width) +
		paragraphs("\nThe status of a credential is the first of these that is true:\n", width) + definitions(statusMeanings, width)
}

// statusMeanings are the statuses in the order in which they take precedence.
var statusMeanings = [][2]string{
	{string(tokens.Blacklisted), "the application refuses it because it was blacklisted"},
	{string(tokens.Expired), "its time is over"},
	{string(tokens.Dead), "it can never be accepted again: a knox token of an older digest, or a session from before the last change of the password"},
	{string(tokens.Disabled), "its owner is inactive"},
	{string(tokens.Active), "the application accepts it"},
}

// recipes are common tasks and their command lines. Tests run them.
var recipes = []struct{ work, lines string }{
	{"A token leaked: find its owner, and end it", `  tokenctl show - <leaked.txt
  tokenctl blacklist - <leaked.txt`},
	{"Replace a leaked token by a new one", `  tokenctl rotate - --out new.token <leaked.txt`},
	{"Everything that a user can log in with", `  tokenctl list --user alice
  tokenctl blacklist --user alice`},
	{"Somebody left", `  tokenctl user deactivate alice --revoke`},
	{"A token for a script", `  tokenctl mint deploy-bot --create --out deploy.token`},
	{"Old credentials, and credentials of users who may not log in", `  tokenctl list --older-than 1y --sort created
  tokenctl list --status disabled`},
	{"Clean up, with a preview first", `  tokenctl purge --dry-run
  tokenctl purge --keep-newer-than 30d`},
	{"Is a token accepted? The exit status says so", `  tokenctl verify - -q <deploy.token`},
	{"Which database is this, and what is wrong with it", `  tokenctl doctor
  tokenctl config show`},
}

func recipesHelp(width int) string {
	var b strings.Builder
	for i, r := range recipes {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(paragraphs(r.work+":", width) + examples(r.lines, width))
	}
	return b.String()
}
