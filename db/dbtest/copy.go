package dbtest

import (
	"os"
	"strings"
	"testing"
)

// Copy returns the URL of a copy of a database that nobody is connected to; it
// ends with the test.
func Copy(t testing.TB, url string) string {
	t.Helper()
	file, ok := strings.CutPrefix(url, "sqlite:///")
	if !ok {
		name := url[strings.LastIndex(url, "/")+1:]
		name, _, _ = strings.Cut(name, "?")
		return create(t, " template "+name)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return writeSQLite(t, data)
}
