// Command generate writes what docs/ says about commands and settings: reference.md,
// settings.md and the man pages. They come from the command tree, from the topics of
// tokenctl help, and from the settings and the comments beside them in the root package.
//
// It is run by go generate, with the folder docs as its argument. It is no part of
// tokenctl.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

//go:generate go run . ..

func main() {
	if err := generate(os.Args[1], filepath.Join(os.Args[1], "..")); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// generate writes the documents into a folder. source is the folder of the root package.
func generate(folder, source string) error {
	settings, err := settingsDocument(source)
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"reference.md": reference(), "settings.md": settings.markdown()} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return manPages(filepath.Join(folder, "man"), settings)
}
