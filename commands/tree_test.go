package commands

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is what help must fit in.
const helpWidth = 100

func testRoot() *cobra.Command {
	root := newRoot(&App{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) string { return "" }})
	completeFlags(root)
	return root
}

// walkTree calls f for every command that people see.
func walkTree(t *testing.T, c *cobra.Command, f func(t *testing.T, c *cobra.Command)) {
	if c.Hidden {
		return
	}
	t.Run(strings.ReplaceAll(c.CommandPath(), " ", "_"), func(t *testing.T) { f(t, c) })
	for _, child := range c.Commands() {
		walkTree(t, child, f)
	}
}

func TestTree(t *testing.T) {
	t.Parallel()
	walkTree(t, testRoot(), func(t *testing.T, c *cobra.Command) {
		leaf := !c.HasSubCommands()
		first, _ := utf8.DecodeRuneInString(c.Short)
		switch {
		case c.Short == "":
			t.Error("no Short")
		case !unicode.IsUpper(first) || strings.HasSuffix(c.Short, ".") || len(c.Short) > 72:
			t.Errorf("Short %q: want a capital, no full stop, at most 72 characters", c.Short)
		}
		if c.Long == "" || strings.TrimSpace(c.Long) != c.Long {
			t.Errorf("Long %q: want some, without blanks around it", c.Long)
		}
		if c.Example == "" {
			t.Error("no Example")
		}
		if leaf {
			if !strings.Contains(c.Use, "<") && c.Args == nil {
				t.Error("no Args, and Use documents none")
			}
			if c.ValidArgsFunction == nil && c.ValidArgs == nil {
				t.Error("no completion of arguments")
			}
		}
		for _, problem := range wrongUse(c.Use) {
			t.Errorf("Use %q: %s", c.Use, problem)
		}
	})
}

// useWord is what a usage line is made of, as gh writes them
// (docs/command-line-syntax.md): <placeholder>, [optional], {a | b}, ….
var useWord = regexp.MustCompile(`^(<[a-z][a-z0-9-]*>|--[a-z][a-z-]*|-|\.\.\.|\||[a-z][a-z0-9-]*)`)

func wrongUse(use string) []string {
	name, rest, _ := strings.Cut(use, " ")
	var problems []string
	if !regexp.MustCompile(`^[a-z][a-z-]*$`).MatchString(name) {
		problems = append(problems, "the name is not in lower case")
	}
	var open []byte
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimLeft(rest, " ") {
		switch rest[0] {
		case '{', '[':
			open = append(open, rest[0])
			rest = rest[1:]
			continue
		case '}', ']':
			if len(open) == 0 || open[len(open)-1] != rest[0]-2 {
				return append(problems, "brackets do not match")
			}
			open = open[:len(open)-1]
			rest = rest[1:]
			continue
		}
		word := useWord.FindString(rest)
		switch {
		case word == "":
			return append(problems, "cannot read "+rest)
		case word == "|" && !bytes.Contains(open, []byte("{")) && !bytes.Contains(open, []byte("[")):
			problems = append(problems, "a | stands in no brackets")
		case unicode.IsLower(rune(word[0])) && len(open) == 0:
			problems = append(problems, word+" is no placeholder: write <"+word+">")
		}
		rest = rest[len(word):]
	}
	if len(open) > 0 {
		problems = append(problems, "brackets do not match")
	}
	return problems
}

func TestTreeExamples(t *testing.T) {
	t.Parallel()
	walkTree(t, testRoot(), func(t *testing.T, c *cobra.Command) {
		own := c.HasSubCommands()
		for line := range strings.SplitSeq(c.Example, "\n") {
			if strings.TrimSpace(line) == "" {
				continue
			}
			if !strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "   ") {
				t.Errorf("example %q is not indented by two spaces", line)
			}
			lines := tokenctlLines(line)
			if lines == nil {
				t.Errorf("example %q does not run tokenctl", line)
			}
			for _, args := range lines {
				found, rest, err := testRoot().Find(args)
				if err != nil {
					t.Errorf("example %q: %v", line, err)
					continue
				}
				own = own || found.CommandPath() == c.CommandPath()
				if err := found.ParseFlags(rest); err != nil {
					t.Errorf("example %q: %v", line, err)
					continue
				}
				if found.Args != nil && !helpAsked(found) {
					if err := found.Args(found, found.Flags().Args()); err != nil {
						t.Errorf("example %q: %v", line, err)
					}
				}
				if err := found.ValidateFlagGroups(); err != nil {
					t.Errorf("example %q: %v", line, err)
				}
			}
		}
		if !own {
			t.Error("no example of the command itself")
		}
	})
}

func helpAsked(c *cobra.Command) bool {
	f := c.Flags().Lookup("help")
	return f != nil && f.Changed
}

// tokenctlLines are the arguments of every tokenctl in a shell line, up to what
// ends a command for the shell, or two spaces and a remark.
func tokenctlLines(line string) [][]string {
	var lines [][]string
	for _, at := range regexp.MustCompile(`\btokenctl `).FindAllStringIndex(line, -1) {
		if at[0] > 0 && !strings.ContainsRune(" (`", rune(line[at[0]-1])) {
			continue // part of a path
		}
		args, word := []string{}, ""
		quote := rune(0)
		rest := line[at[1]:]
	words:
		for i, r := range rest + " " {
			switch {
			case quote != 0 && r == quote:
				quote = 0
			case quote != 0:
				word += string(r)
			case r == '\'' || r == '"':
				quote = r
			case strings.ContainsRune("|;()<>#&`", r):
				break words
			case r == ' ':
				if word != "" {
					args, word = append(args, word), ""
				}
				if strings.HasPrefix(rest[min(i, len(rest)):], "  ") {
					break words
				}
			default:
				word += string(r)
			}
		}
		if word != "" {
			args = append(args, word)
		}
		lines = append(lines, args)
	}
	return lines
}

var secretName = regexp.MustCompile(`token|password|secret|key|passphrase`)

func TestTreeFlags(t *testing.T) {
	t.Parallel()
	walkTree(t, testRoot(), func(t *testing.T, c *cobra.Command) {
		c.InitDefaultHelpFlag()
		check := func(f *pflag.Flag) {
			if f.Usage == "" || strings.HasSuffix(f.Usage, ".") {
				t.Errorf("--%s: usage %q: want some, without a full stop", f.Name, f.Usage)
			}
			placeholder, _ := pflag.UnquoteUsage(f)
			_, setting := f.Value.(*settingValue) // of tokenctl.toml, where secrets are in files of their own
			if secretName.MatchString(f.Name) && f.Value.Type() != "bool" && !setting && placeholder != "KIND" && placeholder != "FILE" && !strings.HasSuffix(f.Name, "-file") && !strings.HasSuffix(f.Name, "-stdin") {
				t.Errorf("--%s would take a secret from the command line", f.Name)
			}
			if _, known := c.GetFlagCompletionFunc(f.Name); !known && f.Value.Type() != "bool" {
				if placeholder != "FILE" {
					t.Errorf("--%s has no completion", f.Name)
				}
			}
		}
		c.LocalFlags().VisitAll(check)
	})
}

func TestTreeHelp(t *testing.T) {
	t.Parallel()
	walkTree(t, testRoot(), func(t *testing.T, c *cobra.Command) {
		var b bytes.Buffer
		c.Root().SetOut(&b)
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		help := b.String()
		for line := range strings.SplitSeq(help, "\n") {
			if n := utf8.RuneCountInString(line); n > helpWidth {
				t.Errorf("a line of %d columns: %s", n, line)
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("blanks at the end of %q", line)
			}
		}
		sections := []int{}
		for _, title := range []string{"\nExamples:\n", "\nUsage:\n", "\nFlags:\n"} {
			if at := strings.Index(help, title); at >= 0 || title != "\nFlags:\n" {
				sections = append(sections, at)
			}
		}
		if !slices.IsSorted(sections) || sections[0] < 0 {
			t.Errorf("the examples do not come first:\n%s", help)
		}
	})
}

// writesNoRows are the commands whose output has no fields to complete.
var writesNoRows = []string{"completion"}

func TestTreeFields(t *testing.T) {
	t.Parallel()
	walkTree(t, testRoot(), func(t *testing.T, c *cobra.Command) {
		if c.HasSubCommands() || slices.Contains(writesNoRows, c.Name()) {
			return
		}
		if fieldsOf(c) == nil {
			t.Error("--field and --columns have no completion: add the command to fieldsOf")
		}
	})
}
