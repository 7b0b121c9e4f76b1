package output

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// Wrap breaks a text between words into lines of at most width terminal cells. A wider word gets its own line: an id or
// a path with a line break in it could not be copied.
func Wrap(text string, width int) []string {
	if displaywidth.String(text) <= width {
		return []string{text}
	}
	var lines []string
	line, used := "", 0
	for word := range strings.SplitSeq(text, " ") {
		n := displaywidth.String(word)
		switch {
		case used == 0:
			line, used = word, n
		case used+1+n > width:
			lines, line, used = append(lines, line), word, n
		default:
			line, used = line+" "+word, used+1+n
		}
	}
	return append(lines, line)
}
