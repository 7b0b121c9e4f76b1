package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"

	"tokenctl/commands"
)

// manPages writes a page of section 1 for each command and tokenctl.toml(5) into a
// folder, which holds nothing else afterwards. The pages have no date, so that they
// change only when their text does.
func manPages(folder string, settings settingsText) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var failed error
	write := func(name, section, text string) {
		text = fmt.Sprintf("%% %q %q \"\" \"tokenctl\" \"tokenctl\"\n", strings.ToUpper(name), section) + text
		if err := os.WriteFile(filepath.Join(folder, name+"."+section), md2man.Render([]byte(text)), 0o644); err != nil {
			failed = err
		}
	}
	eachCommand(commands.Tree(), func(c *cobra.Command) {
		write(pageName(c), "1", commandPage(c))
	})
	write("tokenctl.toml", "5", "# NAME\ntokenctl.toml - settings of tokenctl\n\n# DESCRIPTION\n"+introduction+settings.list()+"\n# SEE ALSO\n**tokenctl(1)**, **tokenctl-config(1)**\n")
	return failed
}

// pageName is the name of a command's page, such as tokenctl-user-create.
func pageName(c *cobra.Command) string {
	return strings.ReplaceAll(c.CommandPath(), " ", "-")
}

// commandPage is the man page of a command, as Markdown.
func commandPage(c *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# NAME\n%s - %s\n\n# SYNOPSIS\n%s\n\n# DESCRIPTION\n%s\n", pageName(c), lowerFirst(c.Short), plain(usageLine(c)), prose(c.Long))
	if below := shownBelow(c); below != nil {
		b.WriteString("\n# COMMANDS\n")
		for _, child := range below {
			fmt.Fprintf(&b, "**%s**\n: %s\n\n", child.Name(), plain(child.Short))
		}
	}
	title := "OPTIONS"
	if !c.HasParent() {
		title = "OPTIONS OF EVERY COMMAND"
	}
	if rows := commands.FlagRows(c.LocalFlags()); rows != nil {
		fmt.Fprintf(&b, "\n# %s\n", title)
		for _, row := range rows {
			fmt.Fprintf(&b, "**%s**\n: %s\n\n", plain(strings.TrimSpace(row[0])), plain(row[1]))
		}
	}
	if c.Example != "" {
		fmt.Fprintf(&b, "\n# EXAMPLES\n```\n%s\n```\n", c.Example)
	}
	var also []string
	if c.HasParent() {
		also = append(also, "**"+pageName(c.Parent())+"(1)**")
	} else {
		for _, topic := range commands.Topics() {
			fmt.Fprintf(&b, "\n# %s\n```\n%s\n```\n", strings.ToUpper(strings.ReplaceAll(topic.Name, "-", " ")), strings.TrimRight(topic.Text, "\n"))
		}
		also = append(also, "**tokenctl.toml(5)**")
	}
	for _, child := range shownBelow(c) {
		also = append(also, "**"+pageName(child)+"(1)**")
	}
	fmt.Fprintf(&b, "\n# SEE ALSO\n%s\n", strings.Join(also, ", "))
	return b.String()
}

func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }
