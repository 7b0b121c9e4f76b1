package commands

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tokenctl"
	"tokenctl/output"
)

func newCompletion(a *App, root *cobra.Command) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion {bash | zsh | fish | powershell}",
		Short: "Print the completion script of a shell",
		Long: `Print the script that completes tokenctl's commands, flags, user names and ids in a
shell. Names and ids come from the database in use. If it does not answer quickly,
none are offered.`,
		Example: `  source <(tokenctl completion bash)
  tokenctl completion zsh >"${fpath[1]}/_tokenctl"
  tokenctl completion fish >~/.config/fish/completions/tokenctl.fish
  tokenctl completion powershell >tokenctl.ps1`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: shells,
		RunE: func(_ *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return bashCompletion(a.Stdout, root)
			case "zsh":
				return root.GenZshCompletion(a.Stdout)
			case "fish":
				return root.GenFishCompletion(a.Stdout, true)
			}
			return root.GenPowerShellCompletionWithDesc(a.Stdout)
		},
	}
}

// bashWords splits the command line without bash-completion. Cobra's script would report a
// missing command.
const bashWords = `    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    local line=${COMP_LINE:0:COMP_POINT}
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    cword=$((${#words[@]} - 1))
    cur=${words[cword]}
    prev=${words[cword > 0 ? cword - 1 : 0]}
`

// quotingLine is a line of cobra's script for bash that quotes words for the command line: its
// indentation, and the array or the single word.
var quotingLine = tokenctl.Lazily("(?m)^( *)(?:.*read -ra (\\w+) |(?:printf -v )?(COMPREPLY\\[0\\]|comp)[= ]).*\"%q.*\n")

// bashCompletion writes cobra's script for bash with three changes. It works without
// bash-completion. An @, at which bash divides words, does not divide an id. No backslash comes
// before a comma, because the script would not recognise the word after the next comma.
func bashCompletion(w io.Writer, root *cobra.Command) error {
	var b bytes.Buffer
	if err := root.GenBashCompletionV2(&b, true); err != nil {
		return err
	}
	script := b.String()
	for _, change := range [][2]string{
		{"    _get_comp_words_by_ref \"$@\" cur prev words cword\n", bashWords},
		{"    __tokenctl_handle_special_char \"$cur\" :\n", "    __tokenctl_handle_special_char \"$cur\" @\n    __tokenctl_handle_special_char \"$cur\" :\n"},
		{"init_completion -n =: ||", "init_completion -n =:@ ||"},
	} {
		if !strings.Contains(script, change[0]) {
			return fmt.Errorf("the completion script for bash has no %q to mend", change[0])
		}
		script = strings.ReplaceAll(script, change[0], change[1])
	}
	lines := 0
	script = quotingLine().ReplaceAllStringFunc(script, func(line string) string {
		lines++
		m := quotingLine().FindStringSubmatch(line)
		if m[2] != "" {
			return line + m[1] + m[2] + `=("${` + m[2] + `[@]//\\,/,}")` + "\n"
		}
		return line + m[1] + m[3] + "=${" + m[3] + `//\\,/,}` + "\n"
	})
	if lines != 6 {
		return fmt.Errorf("the completion script for bash quotes words in %d places, not in 6", lines)
	}
	_, err := io.WriteString(w, script)
	return err
}

// completeFlags completes the values of flags that every command has, and prevents the shell
// from offering files for other values.
func completeFlags(root *cobra.Command) {
	must(root.RegisterFlagCompletionFunc("output", func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		formats := output.Formats()
		if c.Annotations[sarif] != "" {
			formats = append(formats, sarif)
		}
		return formats, cobra.ShellCompDirectiveNoFileComp
	}))
	must(root.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp)))
	must(root.RegisterFlagCompletionFunc("field", completeField))
	must(root.RegisterFlagCompletionFunc("columns", completeFields))
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if !c.HasSubCommands() && c.ValidArgsFunction == nil && c.ValidArgs == nil {
			c.ValidArgsFunction = cobra.NoFileCompletions
		}
		none := func(f *pflag.Flag) {
			_, known := c.GetFlagCompletionFunc(f.Name)
			if placeholder, _ := pflag.UnquoteUsage(f); !known && placeholder != "FILE" {
				must(c.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions))
			}
		}
		c.PersistentFlags().VisitAll(none)
		c.Flags().VisitAll(none)
		for _, child := range c.Commands() {
			walk(child)
			for _, alias := range child.Aliases { // cobra does not complete aliases
				c.ValidArgs = append(c.ValidArgs, alias+"\t"+child.Short)
			}
		}
	}
	walk(root)
}

// plainUsages removes the marks of placeholders from the descriptions of flags in completions.
func plainUsages(c *cobra.Command) {
	plain := func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") }
	c.PersistentFlags().VisitAll(plain)
	c.Flags().VisitAll(plain)
	for _, child := range c.Commands() {
		plainUsages(child)
	}
}

// fixedList completes the last of several values with commas between them.
func fixedList(values []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
		return lastOf(values, text), cobra.ShellCompDirectiveNoFileComp
	}
}

// lastOf returns the completions of a list with commas: text with its last value completed. A value that the list
// has already is not offered again.
func lastOf(values []string, text string) (list []string) {
	before := text[:strings.LastIndex(text, ",")+1]
	given := strings.Split(before, ",")
	for _, value := range values {
		if !slices.Contains(given, value) && strings.HasPrefix(before+value, text) {
			list = append(list, before+value)
		}
	}
	return list
}

// completeFields completes the last field of a list like "id,user".
func completeFields(c *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
	return lastOf(columnNames(fieldsOf(c).known()), text), cobra.ShellCompDirectiveNoFileComp
}

// completeField completes one field, or the path to a value inside one.
func completeField(c *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, column := range fieldsOf(c).known() {
		names = append(append(names, column.Name), column.Paths()...)
	}
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, text) }), cobra.ShellCompDirectiveNoFileComp
}

// must panics on an error that only a programming error can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
