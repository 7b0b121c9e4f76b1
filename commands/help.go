package commands

import (
	"fmt"
	"slices"
	"strings"
	"tokenctl/output"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Help leads with what a reader copies: the examples. It fits the terminal, and is written
// like every other output: a reader who goes away ends it, and a full disk is an error.

// The groups of the commands, in the order in which help shows them.
const (
	groupLook   = "look"
	groupChange = "change"
	groupSetUp  = "set up"
)

var commandGroups = []*cobra.Group{{ID: groupLook, Title: "Look"}, {ID: groupChange, Title: "Change"}, {ID: groupSetUp, Title: "Set up and test"}}

// grouped puts commands into a group.
func grouped(id string, commands ...*cobra.Command) []*cobra.Command {
	for _, c := range commands {
		c.GroupID = id
	}
	return commands
}

const (
	widestHelp = 100 // longer lines are hard to read
	pipedHelp  = 80
)

// helpWidth is how wide help may be.
func (a *App) helpWidth() int {
	if width := a.width(); width > 0 {
		return min(width, widestHelp)
	}
	return pipedHelp
}

// showHelp writes a text to stdout. What goes wrong is kept for the end of the run: cobra
// asks for help in places that cannot fail.
func (a *App) showHelp(text string) {
	a.startPaging()
	_, a.unwritten = a.Stdout.Write([]byte(text))
}

func newHelp(a *App) *cobra.Command {
	return &cobra.Command{
		Use:   "help [<command>... | <topic>]",
		Short: "Explain a command or a topic",
		Long:  "Explain a command, as --help does, or one of these topics:",
		Example: `  tokenctl help mint
  tokenctl help user create
  tokenctl help exit-status`,
		ValidArgsFunction: func(c *cobra.Command, args []string, text string) ([]string, cobra.ShellCompDirective) {
			return helpWords(c.Root(), args, text), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				for _, t := range topics {
					if t.name == args[0] {
						a.showHelp(t.text(a.helpWidth()))
						return a.unwritten
					}
				}
			}
			found, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownTopic(found, rest)
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}

// helpWords are the commands and topics that may follow args.
func helpWords(root *cobra.Command, args []string, text string) (list []string) {
	c, rest, err := root.Find(args)
	if err != nil || len(rest) > 0 {
		return nil
	}
	for _, child := range c.Commands() {
		if shown(child) && strings.HasPrefix(child.Name(), text) {
			list = append(list, child.Name()+"\t"+child.Short)
		}
	}
	for _, t := range topics {
		if len(args) == 0 && strings.HasPrefix(t.name, text) {
			list = append(list, t.name+"\t"+t.about)
		}
	}
	return list
}

// unknownTopic answers help about what is neither a command nor a topic.
func unknownTopic(c *cobra.Command, rest []string) error {
	names := childNames(c)
	if !c.HasParent() {
		for _, t := range topics {
			names = append(names, t.name)
		}
	}
	before := "tokenctl help" + strings.TrimPrefix(c.CommandPath(), c.Root().Name())
	hint := "tokenctl help lists the commands and topics"
	if name := nearest(rest[0], names); name != "" {
		hint = "did you mean " + before + " " + name + "?"
	}
	return usage(fmt.Sprintf("there is no command or topic %q", strings.Join(rest, " ")), hint)
}

// shown reports whether help lists a command.
func shown(c *cobra.Command) bool { return !c.Hidden && c.Deprecated == "" }

// commandHelp is the help of a command.
func commandHelp(c *cobra.Command, width int) string {
	var b strings.Builder
	b.WriteString(paragraphs(c.Long, width))
	if c.Name() == "help" {
		b.WriteString(definitions(topicRows(), width))
	}
	if c.Example != "" {
		b.WriteString("\nExamples:\n" + examples(c.Example, width))
	}
	b.WriteString("\nUsage:\n")
	if c.HasSubCommands() {
		fmt.Fprintf(&b, "  %s <command> [flags]\n", c.CommandPath())
		writeCommands(&b, c, width)
	} else {
		line := c.UseLine()
		if !strings.Contains(line, "[flags]") && c.HasAvailableFlags() {
			line += " [flags]"
		}
		for i, line := range output.Wrap(line, width-6) {
			b.WriteString(strings.Repeat(" ", 2+min(i, 1)*4) + line + "\n")
		}
	}
	if len(c.Aliases) > 0 {
		fmt.Fprintf(&b, "\nAlias:\n  %s\n", strings.Join(c.Aliases, ", "))
	}
	for _, part := range []struct {
		title string
		flags *pflag.FlagSet
	}{{"Flags:", c.LocalFlags()}, {"Flags of every command:", c.InheritedFlags()}} {
		if rows := FlagRows(part.flags); rows != nil {
			b.WriteString("\n" + part.title + "\n" + definitions(rows, width))
		}
	}
	switch {
	case !c.HasParent():
		b.WriteString("\n" + paragraphs("tokenctl help COMMAND tells more about a command, tokenctl help TOPIC about one of these topics:", width))
		b.WriteString(definitions(topicRows(), width))
	case c.HasSubCommands():
		b.WriteString("\n" + paragraphs(c.CommandPath()+" <command> --help tells more about a command.", width))
	}
	return b.String()
}

// writeCommands lists the commands below c: in groups where it has them.
func writeCommands(b *strings.Builder, c *cobra.Command, width int) {
	groups := c.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands"}}
	}
	for _, g := range groups {
		var rows [][2]string
		for _, child := range c.Commands() {
			if shown(child) && child.GroupID == g.ID {
				rows = append(rows, [2]string{child.Name(), child.Short})
			}
		}
		b.WriteString("\n" + g.Title + ":\n" + definitions(rows, width))
	}
}

// FlagRows returns the flags that help shows, each with its placeholder, and what it is
// for with its default.
func FlagRows(flags *pflag.FlagSet) (rows [][2]string) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		placeholder, text := pflag.UnquoteUsage(f)
		name := "    --" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", --" + f.Name
		}
		if f.Value.Type() != "bool" {
			name += " " + placeholder
		}
		switch f.DefValue {
		case "", "0", "false", "[]":
		default:
			if !strings.Contains(text, "(default") {
				text += " (default " + f.DefValue + ")"
			}
		}
		rows = append(rows, [2]string{name, text})
	})
	return rows
}

// widestTerm is how much of a line a term may take before what explains it begins on the
// next line.
const widestTerm = 30

// definitions are terms, and beside or below them what explains them.
func definitions(rows [][2]string, width int) string {
	column := 0
	for _, row := range rows {
		if n := utf8.RuneCountInString(row[0]); n <= widestTerm {
			column = max(column, n)
		}
	}
	column += 4
	if width < 2*widestTerm {
		column = 6
	}
	var b strings.Builder
	for _, row := range rows {
		at := 2 + utf8.RuneCountInString(row[0])
		b.WriteString("  " + row[0])
		for i, line := range output.Wrap(row[1], max(20, width-column)) {
			if i > 0 || at > column-2 {
				b.WriteString("\n")
				at = 0
			}
			if line != "" {
				b.WriteString(strings.Repeat(" ", column-at) + line)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// paragraphs fills lines up to the width. Indented lines stay as they are.
func paragraphs(text string, width int) string {
	var b strings.Builder
	var held []string
	flush := func() {
		if held != nil {
			b.WriteString(strings.Join(output.Wrap(strings.Join(held, " "), width), "\n") + "\n")
			held = nil
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || line[0] == ' ' {
			flush()
			b.WriteString(line + "\n")
			continue
		}
		held = append(held, line)
	}
	flush()
	return b.String()
}

// examples are lines of shell, each with a remark behind two spaces or without. A line that
// is too long goes on behind a backslash, as it can be pasted.
func examples(text string, width int) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		command, remark := strings.TrimSpace(line), ""
		if at := strings.Index(command, "  "); at > 0 {
			command, remark = command[:at], strings.TrimSpace(command[at:])
		}
		if utf8.RuneCountInString(line) <= width {
			b.WriteString(line + "\n")
			continue
		}
		if remark != "" {
			for _, line := range output.Wrap(remark, width-4) {
				b.WriteString("  # " + line + "\n")
			}
		}
		b.WriteString("  " + strings.Join(shellLines(command, width-8), " \\\n      ") + "\n")
	}
	return b.String()
}

// shellLines breaks a command between words, where no quote is open.
func shellLines(command string, width int) (lines []string) {
	line, start := "", 0
	var quote rune
	add := func(word string) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	for i, r := range command {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && strings.ContainsRune("'\"", r):
			quote = r
		case quote == 0 && r == ' ':
			add(command[start:i])
			start = i + 1
		}
	}
	add(command[start:])
	return slices.Concat(lines, []string{line})
}
