package scan

import (
	"bufio"
	"context"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Seen is the newest line of a log that holds the secret of a credential.
type Seen struct {
	Time time.Time
	Path string
	Line int // the first line is 1
}

// AccessLog holds the uses of credentials that logs of requests tell.
type AccessLog struct {
	// Newest has the newest line of each credential, by its kind and id: see [AccessLog.Of].
	Newest map[string]Seen
	// Undated is the number of lines that have a secret and no time with a zone.
	Undated  int
	database *Database
	shapes   *Shapes
}

// pageBytes is the number of bytes of a log that are searched at a time.
const pageBytes = 4 << 20

// longestLine is the approximate number of bytes of a line that are searched.
const longestLine = 1 << 20

// NewAccessLog returns an AccessLog for the credentials of a database.
func NewAccessLog(ctx context.Context, d *Database) (*AccessLog, error) {
	shapes, _, _, err := d.Shapes(ctx)
	return &AccessLog{Newest: map[string]Seen{}, database: d, shapes: shapes}, err
}

// Of returns the newest line with the secret of a credential. It returns false if no line has the secret.
func (l *AccessLog) Of(kind, id string) (Seen, bool) {
	s, ok := l.Newest[kind+" "+id]
	return s, ok
}

// Read searches a log, which may be compressed by gzip. A line with a secret tells that its credential was
// used at the time of the line.
func (l *AccessLog) Read(ctx context.Context, path string, text io.Reader) error {
	from := bufio.NewReaderSize(text, 1<<16)
	if magic, _ := from.Peek(2); string(magic) == "\x1f\x8b" {
		unpacked, err := gzip.NewReader(from)
		if err != nil {
			return err
		}
		from = bufio.NewReaderSize(unpacked, 1<<16)
	}
	var page []string
	size, first := 0, 1
	for whole := true; ; {
		part, err := from.ReadSlice('\n')
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return err
		}
		switch last := len(page) - 1; {
		case whole:
			page, size = append(page, string(part)), size+len(part)
		case len(page[last]) < longestLine:
			page[last], size = page[last]+string(part), size+len(part)
		case err == nil: // the rest of a line that is too long is not searched
			page[last] += "\n"
		}
		if whole = err == nil; err == bufio.ErrBufferFull {
			continue
		}
		if size >= pageBytes || err == io.EOF {
			if err := l.page(ctx, path, first, page); err != nil {
				return err
			}
			first, page, size = first+len(page), page[:0], 0
		}
		if err == io.EOF {
			return nil
		}
	}
}

// page searches lines. first is the number of the first line in the log.
func (l *AccessLog) page(ctx context.Context, path string, first int, lines []string) error {
	dated := map[int]bool{}
	s := New(Options{Shapes: l.shapes, Members: l.database.Members, Unread: func(string, string) {}, Found: func(list []Finding) error {
		for _, f := range list {
			place := f.Line - 2 // line 1 is the blank line
			if place < 0 || place >= len(lines) {
				continue
			}
			at, ok := lineTime(lines[place])
			if !ok {
				if !dated[place] {
					l.Undated++
				}
				dated[place] = true
				continue
			}
			key := f.Match.Kind + " " + f.Match.ID
			if at.After(l.Newest[key].Time) {
				l.Newest[key] = Seen{at, path, first + place}
			}
		}
		return nil
	}})
	// The blank line is there so that the page is not read as an archive.
	if err := s.Reader(ctx, path, io.MultiReader(strings.NewReader("\n"), strings.NewReader(strings.Join(lines, "")))); err != nil {
		return err
	}
	return s.Finish(ctx)
}

// These are the times of logs: the common log format of Apache (mod_log_config, 2.4) and nginx
// (ngx_http_log_module), and ISO 8601 with a zone, as in JSON.
var (
	commonTime = regexp.MustCompile(`\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]`)
	isoTime    = regexp.MustCompile(`\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)? ?(Z|[+-]\d\d:?\d\d)(?:\b|[^\d:]|$)`)
)

// lineTime returns the time of a line, to the second. ok is false if the line has no time with a zone.
func lineTime(line string) (at time.Time, ok bool) {
	if m := commonTime.FindStringSubmatch(line); m != nil {
		at, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[1])
		return at.UTC(), err == nil
	}
	if m := isoTime.FindStringSubmatch(line); m != nil {
		zone := strings.Replace(m[4], ":", "", 1)
		if zone == "Z" {
			zone = "+0000"
		}
		at, err := time.Parse("2006-01-02T15:04:05-0700", m[1]+"T"+m[2]+zone)
		return at.UTC(), err == nil
	}
	return time.Time{}, false
}
