package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestCurrent: the documents are what this program writes now.
func TestCurrent(t *testing.T) {
	folder, docs := t.TempDir(), ".."
	if err := generate(folder, filepath.Join(docs, "..")); err != nil {
		t.Fatal(err)
	}
	written := 0
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		written++
		got, err := os.ReadFile(filepath.Join(docs, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not what go generate ./docs/... writes (%v)", name, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := os.ReadDir(filepath.Join(docs, "man"))
	if err != nil {
		t.Fatal(err)
	}
	if want := len(pages) + 2; written != want {
		t.Errorf("%d documents were written, and %d are in docs", written, want)
	}
}
