package output

import (
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 5, ""},
		{"one two", 7, "one two"},
		{"one two", 6, "one|two"},
		{"one two three", 9, "one two|three"},
		{"  two  blanks", 20, "  two  blanks"},
		{"abcdefgh i", 3, "abcdefgh|i"},
		{"a abcdef b", 3, "a|abcdef|b"},
		{"äöü äöü", 3, "äöü|äöü"},
		{"日本 日本 x", 6, "日本|日本 x"},
	} {
		if got := strings.Join(Wrap(test.text, test.width), "|"); got != test.want {
			t.Errorf("Wrap(%q, %d) = %s, want %s", test.text, test.width, got, test.want)
		}
	}
}
