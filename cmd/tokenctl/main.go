// Command tokenctl administers the API tokens of Django REST Framework
// applications directly in their database.
package main

import (
	"os"

	"tokenctl/commands"
)

func main() { os.Exit(commands.Main(os.Args[1:])) }
