package commands

import (
	"slices"
	"strings"
	"unicode/utf8"

	"tokenctl/output"
)

const (
	widestHelp = 100 // longer lines are hard to read
	pipedHelp  = 80
)

// helpWidth returns the width of help, in columns.
func (a *App) helpWidth() int {
	if width := a.width(); width > 0 {
		return min(width, widestHelp)
	}
	return pipedHelp
}

// widestTerm is the largest width of a term whose explanation begins on the same line.
const widestTerm = 30

// definitions writes terms with their explanations beside or below them.
func definitions(rows [][2]string, width int) string {
	column := 0
	for _, row := range rows {
		if n := utf8.RuneCountInString(row[0]); n <= widestTerm {
			column = max(column, n)
		}
	}
	column += 4
	if width < 2*widestTerm {
		column = 6
	}
	var b strings.Builder
	for _, row := range rows {
		at := 2 + utf8.RuneCountInString(row[0])
		b.WriteString("  " + row[0])
		for i, line := range output.Wrap(row[1], max(20, width-column)) {
			if i > 0 || at > column-2 {
				b.WriteString("\n")
				at = 0
			}
			if line != "" {
				b.WriteString(strings.Repeat(" ", column-at) + line)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// paragraphs fills lines up to the width. Indented lines stay as they are.
func paragraphs(text string, width int) string {
	var b strings.Builder
	var held []string
	flush := func() {
		if held != nil {
			b.WriteString(strings.Join(output.Wrap(strings.Join(held, " "), width), "\n") + "\n")
			held = nil
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || line[0] == ' ' {
			flush()
			b.WriteString(line + "\n")
			continue
		}
		held = append(held, line)
	}
	flush()
	return b.String()
}

// examples writes lines of shell, each with an optional remark after two spaces. A line that is too long continues
// after a backslash, so that it can be pasted.
func examples(text string, width int) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		command, remark := strings.TrimSpace(line), ""
		if at := strings.Index(command, "  "); at > 0 {
			command, remark = command[:at], strings.TrimSpace(command[at:])
		}
		if utf8.RuneCountInString(line) <= width {
			b.WriteString(line + "\n")
			continue
		}
		if remark != "" {
			for _, line := range output.Wrap(remark, width-4) {
				b.WriteString("  # " + line + "\n")
			}
		}
		b.WriteString("  " + strings.Join(shellLines(command, width-8), " \\\n      ") + "\n")
	}
	return b.String()
}

// shellLines breaks a command between words, outside of quotes.
func shellLines(command string, width int) (lines []string) {
	line, start := "", 0
	var quote rune
	add := func(word string) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	for i, r := range command {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && strings.ContainsRune("'\"", r):
			quote = r
		case quote == 0 && r == ' ':
			add(command[start:i])
			start = i + 1
		}
	}
	add(command[start:])
	return slices.Concat(lines, []string{line})
}
