package scan

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// maxNesting is the largest number of nested containers. An archive and its compression count as one.
const maxNesting = 5

// nesting is the place of a text in containers.
type nesting struct {
	depth      int
	compressed bool // the text is a decompressed file
	budget     *budget
	file       *os.File // the text is this file
	size       int64    // of the file
}

// A bomb is a file that unpacks to more than bombBase bytes and more than bombRatio times its read bytes.
const (
	bombBase  = 256 << 20
	bombRatio = 200
)

var errBomb = errors.New("it unpacks to far more than it should: the rest was not read")

// budget bounds the unpacked bytes of a file, for all levels together.
type budget struct{ in, out int64 }

func (b *budget) input(from io.Reader) io.Reader { return countingReader{from, &b.in} }

func (b *budget) output(from io.Reader) io.Reader { return unpackedReader{from, b} }

type countingReader struct {
	from io.Reader
	n    *int64
}

// Read implements io.Reader.
func (r countingReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	*r.n += int64(n)
	return n, err
}

type unpackedReader struct {
	from   io.Reader
	budget *budget
}

// Read implements io.Reader. The error is errBomb for too many unpacked bytes.
func (r unpackedReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.budget.out += int64(n)
	if r.budget.out > bombBase+bombRatio*r.budget.in {
		return n, errBomb
	}
	return n, err
}

// headSize is the number of bytes at the beginning of a text that decide its type.
const headSize = 512

// opener searches the content of a container.
type opener func(r *searcher, ctx context.Context, path string, text io.Reader, in nesting) error

// container recognises a container by its beginning. name is "" for another text.
func container(head []byte) (name string, open opener) {
	begins := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case begins("\x1f\x8b\x08"):
		return "gzip", compressed(func(from io.Reader) (io.Reader, error) { return gzip.NewReader(from) })
	case begins("\x28\xb5\x2f\xfd"):
		return "zstd", compressed(openZstd)
	case begins("BZh") && len(head) >= 10 && (string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90"):
		return "bzip2", compressed(func(from io.Reader) (io.Reader, error) { return bzip2.NewReader(from), nil })
	case begins("\xfd7zXZ\x00"):
		return "xz", compressed(func(from io.Reader) (io.Reader, error) { return xz.NewReader(from) })
	case begins("PK\x03\x04"), begins("PK\x05\x06"):
		return "zip", (*searcher).zip
	case begins(sqliteMagic):
		return "sqlite", (*searcher).sqlite
	case isTar(head):
		return "tar", (*searcher).tar
	}
	return "", nil
}

func openZstd(from io.Reader) (io.Reader, error) {
	d, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(128<<20))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// isTar checks the checksum of a tar header: old tar files have no other mark.
func isTar(head []byte) bool {
	if len(head) < headSize || head[0] == 0 {
		return false
	}
	want, err := strconv.ParseInt(strings.Trim(string(head[148:156]), " \x00"), 8, 64)
	sum := int64(0)
	for i, c := range head {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int64(c)
	}
	return err == nil && sum == want
}

// content searches a text, and the content of a container.
func (r *searcher) content(ctx context.Context, path string, text io.Reader, in nesting) error {
	var head [headSize]byte
	n, wrong := fill(text, head[:])
	if wrong == io.EOF {
		wrong = nil
	}
	name, open := container(head[:n])
	if open != nil && name != "sqlite" && (name != "tar" || !in.compressed) {
		in.depth++
	}
	if in.depth > maxNesting {
		r.cannot(path, fmt.Sprintf("it is packed more than %d times", maxNesting))
		open = nil
	}
	if wrong != nil {
		text = failing{wrong} // the error follows the head
	}
	if open == nil {
		return r.read(ctx, &source{path: path, object: r.within}, head[:n], text)
	}
	err := open(r, ctx, path, io.MultiReader(bytes.NewReader(head[:n]), text), in)
	var unread *readError
	switch {
	case errors.Is(err, errBomb):
		return &readError{errBomb}
	case errors.As(err, &unread):
		r.cannot(path, "it is broken "+name+": "+why(unread.err))
		return nil
	}
	return err
}

// compressed returns the opener for a compressed text.
func compressed(open func(io.Reader) (io.Reader, error)) opener {
	return func(r *searcher, ctx context.Context, path string, text io.Reader, in nesting) error {
		unpacked, err := open(bufio.NewReaderSize(text, 64<<10)) // some decompressors read single bytes
		if err != nil {
			return &readError{err}
		}
		if c, ok := unpacked.(io.Closer); ok {
			defer c.Close()
		}
		return r.content(ctx, path, in.budget.output(unpacked), nesting{depth: in.depth, compressed: true, budget: in.budget})
	}
}

// tar searches the files of a tar archive.
func (r *searcher) tar(ctx context.Context, path string, text io.Reader, in nesting) error {
	for archive := tar.NewReader(text); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &readError{err}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !h.FileInfo().Mode().IsRegular() || r.scanner.tooLarge(h.Size) {
			continue
		}
		if err := r.member(ctx, path, h.Name, in.budget.output(archive), in); err != nil {
			return err
		}
	}
}

// member searches a file of an archive. After a broken file the search continues with the others.
func (r *searcher) member(ctx context.Context, archive, name string, text io.Reader, in nesting) error {
	shown := archive + "!" + strings.TrimPrefix(path.Clean("/"+name), "/")
	err := r.content(ctx, shown, text, nesting{depth: in.depth, budget: in.budget})
	if errors.Is(err, errBomb) {
		return err
	}
	return r.unlessUnread(shown, err)
}

// zip searches the files of a zip archive. Files in the formats jar, whl and docx are zip archives too.
func (r *searcher) zip(ctx context.Context, path string, text io.Reader, in nesting) error {
	file, size, done, err := r.seekable(text, in)
	if err != nil {
		return err
	}
	defer done()
	if in.file != nil {
		in.budget.in = size
	}
	archive, err := zip.NewReader(file, size)
	if err != nil {
		r.cannot(path, "it is broken zip: "+why(err))
		// Files that are stored without compression can still be found.
		return r.read(ctx, &source{path: path, object: r.within}, nil, io.NewSectionReader(file, 0, size))
	}
	archive.RegisterDecompressor(zip.Deflate, func(from io.Reader) io.ReadCloser { return flate.NewReader(from) })
	archive.RegisterDecompressor(12, func(from io.Reader) io.ReadCloser { return io.NopCloser(bzip2.NewReader(from)) })
	archive.RegisterDecompressor(zstd.ZipMethodWinZip, zstd.ZipDecompressor(zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20)))
	archive.RegisterDecompressor(95, func(from io.Reader) io.ReadCloser {
		unpacked, err := xz.NewReader(bufio.NewReader(from))
		if err != nil {
			return io.NopCloser(failing{err})
		}
		return io.NopCloser(unpacked)
	})
	for _, f := range archive.File {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		shown := path + "!" + f.Name
		const encrypted = 1
		switch {
		case !f.Mode().IsRegular(), r.scanner.tooLarge(int64(f.UncompressedSize64)):
			continue
		case f.Flags&encrypted != 0:
			r.cannot(shown, "it is encrypted")
			continue
		}
		member, err := f.Open()
		if err != nil {
			r.cannot(shown, why(err))
			continue
		}
		err = r.member(ctx, path, f.Name, in.budget.output(member), in)
		member.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

type failing struct{ err error }

// Read implements io.Reader.
func (f failing) Read([]byte) (int, error) { return 0, f.err }

// seekable returns the file of a text: its own file, or a copy of the stream. done closes the copy.
func (r *searcher) seekable(text io.Reader, in nesting) (file *os.File, size int64, done func(), err error) {
	if in.file != nil {
		return in.file, in.size, func() {}, nil
	}
	if file, size, err = r.spool(text); err != nil {
		return nil, 0, nil, err
	}
	return file, size, func() { file.Close() }, nil
}

// spool writes a stream to a temporary file without a name, because a zip archive is read from its end.
func (r *searcher) spool(text io.Reader) (*os.File, int64, error) {
	f, err := os.CreateTemp("", "tokenctl-scan-")
	if err != nil {
		return nil, 0, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, 0, err
	}
	n, err := io.Copy(f, text)
	if err != nil {
		f.Close()
		return nil, 0, &readError{err}
	}
	return f, n, nil
}
