package commands

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tokenctl/output"
)

// shown reports whether help lists a command.
func shown(c *cobra.Command) bool { return !c.Hidden && c.Deprecated == "" }

// commandHelp returns the help of a command.
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

// writeCommands lists the commands below c, in groups if c has groups.
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

// FlagRows returns a row for each flag that help shows: the flag with its placeholder, and its description with
// the default.
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
