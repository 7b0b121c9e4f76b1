// Command tokenctl administers the API tokens of Django REST Framework
// applications directly in their database.
//
// Everything that it does is in package commands. Beside it are the tests that run the
// whole program, and those that hold the code against its own rules.
package main

import (
	"os"

	"tokenctl/commands"
)

func main() { os.Exit(commands.Main(os.Args[1:])) }
