package scan

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

// pieceSize is the approximate size of the pieces of a large file, in bytes.
const pieceSize = 32 << 20

// piece is a part of a file that is searched by itself.
type piece struct {
	from, to int64 // of the file's bytes; to is 0 for a whole file
	line     int   // the number of its first line
}

// pieces cuts a large file after lines across which no secret and no encoded text can continue, so that several
// cores can search it. A container stays whole.
func pieces(path string, info fs.FileInfo) []piece {
	whole := []piece{{}}
	if info.Size() < 2*pieceSize {
		return whole
	}
	f, err := os.Open(path)
	if err != nil {
		return whole // the search reports the error
	}
	defer f.Close()
	var list []piece
	next := piece{line: 1}
	line := 1 // the number of the next line
	buffer := make([]byte, windowSize)
	for at := int64(0); ; {
		n, err := fill(f, buffer)
		text := buffer[:n]
		if at == 0 {
			if _, packed := container(text[:min(n, headSize)]); packed != nil {
				return whole
			}
		}
		if at-next.from >= pieceSize {
			if end := lastEnd(text); end > 0 {
				next.to = at + int64(end)
				list = append(list, next)
				next = piece{from: next.to, line: line + bytes.Count(text[:end], []byte{'\n'})}
			}
		}
		line += bytes.Count(text, []byte{'\n'})
		at += int64(n)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return whole
			}
			next.to = max(at, info.Size())
			return append(list, next)
		}
	}
}

// lastEnd returns the end of the last line after which no text continues, or 0 if there is none. base64 does not
// continue if the line ends or the next one begins with another character. The line must not end with a soft
// line break.
func lastEnd(text []byte) int {
	visible := func(c byte) bool { return c >= ' ' && c <= '~' } // false for the NULs of UTF-16
	for end := len(text); ; {
		i := bytes.LastIndexByte(text[:end], '\n')
		if i < 2 {
			return 0
		}
		last := text[i-1]
		if last == '\r' {
			last = text[i-2]
		}
		next := i + 1
		for next < len(text) && isIndent(text[next]) {
			next++
		}
		apart := sixBits[last] < 0 || next < len(text) && visible(text[next]) && sixBits[text[next]] < 0
		if visible(last) && last != '=' && apart {
			return i + 1
		}
		end = i
	}
}
