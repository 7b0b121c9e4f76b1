package output

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// credentialColumns and credentialRow are what `tokenctl list` writes, as far as this package is concerned.
var credentialColumns = []Column{{Name: "id"}, {Name: "kind"}, {Name: "type"}, {Name: "user"}, {Name: "user_id"}, {Name: "status"},
	{Name: "created"}, {Name: "expires"}, {Name: "signature"}, {Name: "staff"}}

func credentialRow() []Value {
	return []Value{
		String("knox:3f9a0c1d2e4b5a69"), String("jwt"), OptString("refresh"), String("alice@example.org"), OptString("4711"),
		String("active"), Time(time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC)),
		Time(time.Date(2026, 9, 4, 5, 6, 7, 0, time.UTC)), OptString(""), Bool(true),
	}
}

var errFull = errors.New("no space left")

// failing takes n bytes and then fails; with short it claims to have no error.
type failing struct {
	n     int
	short bool
}

func (f *failing) Write(p []byte) (int, error) {
	if len(p) <= f.n {
		f.n -= len(p)
		return len(p), nil
	}
	n := f.n
	f.n = 0
	if f.short {
		return n, nil
	}
	return n, errFull
}

func TestWriteErrors(t *testing.T) {
	for _, format := range []Format{Table, JSON, NDJSON, CSV, TSV, YAML, ID, Plain} {
		for _, n := range []int{0, 1, 100, bufferSize + 100} {
			for _, rows := range []int{1, 3 * windowRows} {
				for _, short := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s after %d of %d rows", format, n, rows), func(t *testing.T) {
						w, err := NewWriter(&failing{n, short}, credentialColumns, Options{Format: format, Columns: []string{"id", "user"}, Width: 80})
						if err != nil {
							t.Fatal(err)
						}
						var first error
						for range rows {
							if first = w.Write(credentialRow()); first != nil {
								break
							}
						}
						last := w.Close()
						want := errFull
						if short {
							want = io.ErrShortWrite
						}
						if rows == 1 && n >= 100 {
							want = nil
						}
						if !errors.Is(last, want) || first != nil && !errors.Is(first, want) {
							t.Errorf("Write: %v, Close: %v; want %v", first, last, want)
						}
						if want != nil && (w.Write(credentialRow()) == nil || w.Flush() == nil || w.Close() == nil) {
							t.Error("the failure was forgotten")
						}
					})
				}
			}
		}
	}
}

// writes records what the underlying writer was handed at a time.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

func TestWholeLines(t *testing.T) {
	for _, format := range []Format{NDJSON, CSV, TSV, ID, Plain} {
		var got writes
		w, _ := NewWriter(&got, credentialColumns, Options{Format: format})
		for range 10_000 {
			if err := w.Write(credentialRow()); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if len(got) < 3 {
			t.Errorf("%s: %d writes", format, len(got))
		}
		for _, chunk := range got {
			if !strings.HasSuffix(chunk, "\n") || len(chunk) > bufferSize+1000 {
				t.Errorf("%s: a write of %d bytes ends in %q", format, len(chunk), chunk[len(chunk)-5:])
			}
		}
	}
}

// TestNothingIsClosed leaves documents as a stream that failed midway does.
func TestNothingIsClosed(t *testing.T) {
	cols := []Column{{Name: "id"}}
	for format, want := range map[Format]string{
		JSON:   "[\n  {\"id\":\"a\"},\n  {\"id\":\"b\"}",
		NDJSON: "{\"id\":\"a\"}\n{\"id\":\"b\"}\n",
		YAML:   "- id: a\n- id: b\n",
	} {
		var out bytes.Buffer
		w, _ := NewWriter(&out, cols, Options{Format: format})
		if err := w.Flush(); err != nil || out.Len() > 0 {
			t.Errorf("%s: %v, %q", format, err, out.String())
		}
		for _, id := range []string{"a", "b"} {
			if err := w.Write([]Value{String(id)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		expect(t, out.String(), want)
	}
}

func TestMisuse(t *testing.T) {
	cols := []Column{{Name: "id"}, {Name: "user"}}
	row := []Value{String("a"), Null()}
	for _, format := range []Format{JSON, YAML, Table} {
		w, _ := NewWriter(io.Discard, cols, Options{Format: format, Single: true})
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
		if err := w.Write(row); err != errSecondRow {
			t.Errorf("%s, two rows: %v", format, err)
		}
		w, _ = NewWriter(io.Discard, cols, Options{Format: format, Single: true})
		if err := w.Close(); err != errMissingRow {
			t.Errorf("%s, no row: %v", format, err)
		}
	}
	w, _ := NewWriter(io.Discard, cols, Options{Format: JSON})
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := w.Write(row); err != errClosed {
		t.Error(err)
	}
	w, _ = NewWriter(io.Discard, cols, Options{Format: JSON})
	if err := w.Write(row[:1]); err == nil || w.Close() == nil {
		t.Error("a short row was written")
	}
}

// TestHugeCell checks that the buffer one cell needed is given back.
func TestHugeCell(t *testing.T) {
	w, _ := NewWriter(io.Discard, []Column{{Name: "id"}}, Options{Format: CSV})
	if err := w.Write([]Value{String(strings.Repeat("x", 16*bufferSize))}); err != nil {
		t.Fatal(err)
	}
	if cap(w.buf) > 4*bufferSize {
		t.Errorf("a buffer of %d bytes is kept", cap(w.buf))
	}
}

func TestNoAllocations(t *testing.T) {
	hostileRow := credentialRow()
	hostileRow[3] = String("=a,\"b\"\n\t\\\x1b\u202e\xff日本")
	hostileRow[5] = Strings([]string{"one", "=two"})
	hostileRow[8] = Object([]string{"a"}, []Value{String("é\n")})
	for _, row := range [][]Value{credentialRow(), hostileRow} {
		for _, format := range []Format{JSON, NDJSON, CSV, TSV, ID, Plain} {
			w, err := NewWriter(io.Discard, credentialColumns, Options{Format: format})
			if err != nil {
				t.Fatal(err)
			}
			scratch := slices.Clone(row)
			write := func() {
				scratch[6] = Time(time.Unix(1_770_000_000, 0))
				scratch[7] = String("x")
				if err := w.Write(scratch); err != nil {
					t.Fatal(err)
				}
			}
			for range 2000 { // the buffer reaches its size
				write()
			}
			if n := testing.AllocsPerRun(2000, write); n != 0 {
				t.Errorf("%s: %v allocations a row", format, n)
			}
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, format := range []Format{JSON, NDJSON, CSV, TSV, YAML, ID, Table} {
		b.Run(string(format), func(b *testing.B) {
			w, err := NewWriter(io.Discard, credentialColumns, Options{Format: format})
			if err != nil {
				b.Fatal(err)
			}
			row := credentialRow()
			b.ReportAllocs()
			for b.Loop() {
				if err := w.Write(row); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
