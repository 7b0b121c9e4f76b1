package commands

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

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

var noun = regexp.MustCompile(`^[A-Z]+(=[A-Z]+)?$`)

var secretName = regexp.MustCompile(`token|password|secret|key|passphrase`)

func TestTreeFlags(t *testing.T) {
	t.Parallel()
	walkTree(t, testRoot(), func(t *testing.T, c *cobra.Command) {
		c.InitDefaultHelpFlag()
		check := func(f *pflag.Flag) {
			if name, _ := pflag.UnquoteUsage(f); f.Value.Type() != "bool" && !noun.MatchString(name) {
				t.Errorf("--%s has the placeholder %q, which is no noun in capitals", f.Name, name)
			}
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
		c.InitDefaultHelpFlag()
		for _, width := range []int{60, 80, 100} {
			for line := range strings.SplitSeq(commandHelp(c, width), "\n") {
				// A flag, a command or a list of choices is not divided.
				undivided := strings.Contains(line, "--") || !strings.Contains(strings.TrimSpace(line), " ")
				if n := utf8.RuneCountInString(line); n > width && !undivided {
					t.Errorf("a line of %d columns, not %d: %s", n, width, line)
				}
				if strings.TrimRight(line, " ") != line {
					t.Errorf("blanks at the end of %q", line)
				}
			}
		}
		help := commandHelp(c, 80)
		if strings.Contains(help, "`") || strings.Contains(help, "(default -1)") || strings.Contains(help, "[=") {
			t.Errorf("marks of the libraries are left in\n%s", help)
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
var writesNoRows = []string{"completion", "help"}

func TestTreeFields(t *testing.T) {
	t.Parallel()
	walkTree(t, testRoot(), func(t *testing.T, c *cobra.Command) {
		if c.HasSubCommands() || slices.Contains(writesNoRows, c.Name()) {
			return
		}
		if fieldsOf(c).columns == nil {
			t.Error("--field and --columns have no completion: add the command to rowFields")
		}
	})
}

// TestGroups: every command stands in a group, and help in none twice.
func TestGroups(t *testing.T) {
	root := testRoot()
	for _, c := range root.Commands() {
		if shown(c) && !slices.ContainsFunc(commandGroups, func(g *cobra.Group) bool { return g.ID == c.GroupID }) {
			t.Errorf("%s stands in no group", c.Name())
		}
		if !strings.Contains(commandHelp(root, 80), "\n  "+c.Name()+" ") {
			t.Errorf("help does not list %s", c.Name())
		}
	}
}

// pastable are the commands in a hint: behind "? ", or from its beginning, up to ";".
func pastable(hint string) (lines []string) {
	for part := range strings.SplitSeq(hint, "; ") {
		if at := strings.Index(part, "tokenctl "); at >= 0 {
			lines = append(lines, part[at:])
		}
	}
	return lines
}

// TestSynonyms: what people type is a usage error, and each command in the hint can be run.
func TestSynonyms(t *testing.T) {
	check := func(args ...string) {
		t.Helper()
		_, errs, status := inTest(t, map[string]string{"DATABASE_URL": "sqlite:////nonexistent/db"}, args...)
		_, hint, _ := strings.Cut(errs, "hint: ")
		lines := pastable(strings.TrimSpace(hint))
		if status != exitUsage || lines == nil {
			t.Errorf("%q: status %d, %s", args, status, errs)
		}
		for _, line := range lines {
			for _, args := range tokenctlLines(line) {
				c, rest, err := testRoot().Find(args)
				if err == nil {
					err = c.ParseFlags(rest)
				}
				if err != nil || c.HasSubCommands() {
					t.Errorf("the hint %q cannot be run: %v", line, err)
				}
			}
		}
	}
	seen := map[string]bool{}
	for path, words := range synonyms {
		for list := range words {
			for _, word := range strings.Fields(list) {
				if seen[path+" "+word] {
					t.Errorf("%s %s has two answers", path, word)
				}
				seen[path+" "+word] = true
				check(append(strings.Fields(path), word)...)
				check(append(strings.Fields(path), word, "alice")...)
			}
		}
	}
	for _, line := range []string{"list --json", "list --since 7d", "list --since=7d", "list --expired", "serve --port 8001", "purge --older-than 90d", "list alice", "show alice",
		"list drf:7@1f0c3a55", "purge alice", "user list alice", "users add bob", "token create alice", "tokens ls", "delete knox:0123456789abcdef", "ls --user alice -q", "user help create"} {
		check(strings.Fields(line)...)
	}
	if _, errs, _ := inTest(t, nil, "ls", "-d", "postgresql://a:hunter2@h/n", "--json"); strings.Contains(errs, "hunter2") {
		t.Errorf("a password is repeated: %s", errs)
	}
}

// TestTopics: topics fit the width, every variable that the code reads is
// explained, and the recipes can be run.
func TestTopics(t *testing.T) {
	for _, topic := range topics {
		for _, width := range []int{60, 80} {
			text := topic.text(width)
			for line := range strings.SplitSeq(text, "\n") {
				if utf8.RuneCountInString(line) > width {
					t.Errorf("%s: %q is wider than %d", topic.name, line, width)
				}
			}
		}
	}
	var words []string
	for _, row := range environment {
		words = append(words, strings.Split(row[0], ", ")...)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\ba\.Getenv\("(\w+)"\)`).FindAllStringSubmatch(string(text), -1) {
			if !strings.HasSuffix(file, "_test.go") && !slices.Contains(words, m[1]) {
				t.Errorf("%s reads %s, which help environment does not explain", file, m[1])
			}
		}
	}
	for _, r := range recipes {
		for line := range strings.SplitSeq(r.lines, "\n") {
			for _, args := range tokenctlLines(line) {
				c, rest, err := testRoot().Find(args)
				if err == nil {
					err = c.ParseFlags(rest)
				}
				if err == nil && c.Args != nil {
					err = c.Args(c, c.Flags().Args())
				}
				if err != nil {
					t.Errorf("the recipe %q: %v", line, err)
				}
			}
		}
	}
}

// TestUniformFlags: a command that changes rows has the flags of all such commands.
func TestUniformFlags(t *testing.T) {
	t.Parallel()
	flags := []string{"yes", "confirm", "dry-run", "ignore-missing", "keep-going"}
	// init makes tables and config import a file, which no credentials or users are.
	others := []string{"tokenctl init", "tokenctl config import"}
	changing := 0
	walkTree(t, testRoot(), func(t *testing.T, c *cobra.Command) {
		var has, lacks []string
		for _, name := range flags {
			if c.Flags().Lookup(name) != nil {
				has = append(has, name)
			} else {
				lacks = append(lacks, name)
			}
		}
		if slices.Contains(others, c.CommandPath()) || has == nil {
			return
		}
		if changing++; lacks != nil {
			t.Errorf("it has --%s, but not --%s", strings.Join(has, ", --"), strings.Join(lacks, ", --"))
		}
	})
	if changing < 12 {
		t.Errorf("%d commands change rows", changing)
	}
}
