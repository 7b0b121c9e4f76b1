package commands

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Help begins with the examples, because readers copy them. It fits the terminal. It is
// written like other output: a closed pipe ends it, and a full disk is an error.

// The groups of the commands, in the order in which help shows them.
const (
	groupLook   = "look"
	groupChange = "change"
	groupSetUp  = "set up"
)

var commandGroups = []*cobra.Group{{ID: groupLook, Title: "Look"}, {ID: groupChange, Title: "Change"}, {ID: groupSetUp, Title: "Set up and test"}}

// grouped adds commands to a group.
func grouped(id string, commands ...*cobra.Command) []*cobra.Command {
	for _, c := range commands {
		c.GroupID = id
	}
	return commands
}

// showHelp writes a text to stdout. The error is kept for the end of the run, because cobra calls this in places
// that cannot return an error.
func (a *App) showHelp(text string) {
	a.startPaging()
	_, a.helpError = a.Stdout.Write([]byte(text))
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
						return a.helpError
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

// helpWords returns the commands and topics that can follow args.
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

// unknownTopic returns the error for a word that is neither a command nor a topic.
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
