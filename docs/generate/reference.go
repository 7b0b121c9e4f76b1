package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl/commands"
)

const generated = "<!-- Written by go generate ./docs/...; do not edit. -->\n"

// reference is every command with its flags, and every topic of help.
func reference() string {
	var b strings.Builder
	root := commands.Tree()
	b.WriteString("# Commands\n\n" + generated + "\nThe same text is in `tokenctl help COMMAND`, in `tokenctl help TOPIC` and in the man pages.\n\n")
	var contents, chapters strings.Builder
	eachCommand(root, func(c *cobra.Command) {
		name := c.CommandPath()
		fmt.Fprintf(&contents, "- [%s](#%s): %s\n", name, strings.ReplaceAll(name, " ", "-"), plain(c.Short))
		writeCommand(&chapters, c)
	})
	for _, topic := range commands.Topics() {
		name := "help " + topic.Name
		fmt.Fprintf(&contents, "- [%s](#%s): %s\n", name, strings.ReplaceAll(name, " ", "-"), plain(topic.About))
		fmt.Fprintf(&chapters, "## %s\n\n```text\n%s\n```\n\n", name, strings.TrimRight(topic.Text, "\n"))
	}
	b.WriteString(contents.String() + "\n" + strings.TrimRight(chapters.String(), "\n") + "\n")
	return b.String()
}

// eachCommand calls f for a command and for all below it that help shows.
func eachCommand(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, child := range shownBelow(c) {
		eachCommand(child, f)
	}
}

// shownBelow returns the commands right below c that help shows.
func shownBelow(c *cobra.Command) (list []*cobra.Command) {
	for _, child := range c.Commands() {
		if !child.Hidden && child.Deprecated == "" {
			list = append(list, child)
		}
	}
	return list
}

func usageLine(c *cobra.Command) string {
	if c.HasSubCommands() {
		return c.CommandPath() + " <command> [flags]"
	}
	return c.UseLine()
}

// prose is the text of a command's help as Markdown: what is indented in it is an
// example or a table, and stays as it is.
func prose(text string) string {
	var b strings.Builder
	literal := false
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		if indented := strings.HasPrefix(line, " "); indented != literal && line != "\n" {
			literal = indented
			b.WriteString(map[bool]string{true: "```text\n", false: "```\n\n"}[literal])
		}
		if !literal {
			line = plain(line)
		}
		b.WriteString(line)
	}
	if literal {
		b.WriteString("```\n")
	}
	return b.String()
}

func writeCommand(b *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(b, "## %s\n\n%s\n```sh\n%s\n```\n\n", c.CommandPath(), prose(c.Long), usageLine(c))
	if len(c.Aliases) > 0 {
		fmt.Fprintf(b, "Also: `%s`.\n\n", strings.Join(c.Aliases, "`, `"))
	}
	if c.Example != "" {
		fmt.Fprintf(b, "Examples:\n\n```sh\n%s\n```\n\n", c.Example)
	}
	writeFlags(b, c)
}

// writeFlags writes a table of a command's own flags, or nothing where it has none.
func writeFlags(b *strings.Builder, c *cobra.Command) {
	rows := commands.FlagRows(c.LocalFlags())
	if rows == nil {
		return
	}
	b.WriteString("| flag | meaning |\n|---|---|\n")
	for _, row := range rows {
		fmt.Fprintf(b, "| `%s` | %s |\n", strings.ReplaceAll(strings.TrimSpace(row[0]), "|", `\|`), plain(row[1]))
	}
	b.WriteString("\n")
}

// plain is text that Markdown shows as it stands.
func plain(text string) string {
	return strings.NewReplacer("<", `\<`, ">", `\>`, "*", `\*`, "_", `\_`, "|", `\|`, "[", `\[`, "]", `\]`).Replace(text)
}
