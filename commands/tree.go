package commands

import "github.com/spf13/cobra"

// Tree returns the commands of tokenctl, for a program that writes documents about them. They cannot be run.
func Tree() *cobra.Command {
	return newRoot(&App{Getenv: func(string) string { return "" }})
}

// Topic is a text that tokenctl help prints besides the help of commands.
type Topic struct {
	Name  string // the argument of tokenctl help
	About string // one line
	Text  string // at most 80 columns wide
}

// Topics returns the topics of tokenctl help, in the order in which help lists them.
func Topics() []Topic {
	list := make([]Topic, 0, len(topics))
	for _, t := range topics {
		list = append(list, Topic{t.name, t.about, t.text(pipedHelp)})
	}
	return list
}
