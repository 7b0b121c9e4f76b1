package scan

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

// pieceSize is about how much of a large file one core searches.
const pieceSize = 32 << 20

// piece is a part of a file that is searched by itself.
type piece struct {
	from, to int64 // of the file's bytes; to is 0 for a whole file
	line     int   // in which it begins
}

// pieces cuts a large file behind lines that no secret and no encoded text can go on from, so that
// several cores search it. What is packed stays whole.
func pieces(path string, info fs.FileInfo) []piece {
	whole := []piece{{}}
	if info.Size() < 2*pieceSize {
		return whole
	}
	f, err := os.Open(path)
	if err != nil {
		return whole // why is told when it is searched
	}
	defer f.Close()
	var list []piece
	next := piece{line: 1}
	line := 1 // of what is read next
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

// lastEnd is where the last line ends that nothing goes on from: base64 does not, because the line ends
// or the next begins with another character, and a soft line break is none. 0: there is no such line.
func lastEnd(text []byte) int {
	visible := func(c byte) bool { return c >= ' ' && c <= '~' } // which no NUL of UTF-16 is
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
