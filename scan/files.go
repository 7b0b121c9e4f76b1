package scan

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"tokenctl"
)

// Files searches files and folders on all cores. If a path does not exist, the error has the code
// [tokenctl.CodeNotFound], and nothing is searched.
func (s *Scanner) Files(ctx context.Context, paths []string) error {
	w := &walk{scanner: s, tasks: make(chan task), linked: map[string]bool{}, excludes: parsePatterns(strings.Join(s.options.Exclude, "\n"))}
	if err := w.resolve(paths); err != nil {
		return err
	}
	return s.workers(ctx, func(ctx context.Context) error { w.ctx = ctx; defer close(w.tasks); return w.all() }, func(ctx context.Context) error {
		r := s.newSearcher()
		for t := range w.tasks {
			if err := r.file(ctx, t); err != nil {
				return err
			}
		}
		return nil
	})
}

// Reader searches a stream.
func (s *Scanner) Reader(ctx context.Context, path string, text io.Reader) error {
	r := s.newSearcher()
	counted := &budget{}
	err := r.content(ctx, path, counted.input(text), nesting{budget: counted})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return r.unlessUnread(path, err)
}

// workers runs one producer, and a consumer for each core. The first error ends all of them.
func (s *Scanner) workers(ctx context.Context, produce, consume func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var group sync.WaitGroup
	run := func(f func(context.Context) error) {
		group.Go(func() {
			if err := f(ctx); err != nil {
				stop(err)
			}
		})
	}
	run(produce)
	for range runtime.GOMAXPROCS(0) {
		run(consume)
	}
	group.Wait()
	return context.Cause(ctx)
}

// file searches a file.
func (r *searcher) file(ctx context.Context, t task) error {
	shown := t.shown
	f, err := os.OpenFile(t.path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		r.cannot(shown, why(err))
		return nil
	}
	defer f.Close()
	before, err := f.Stat()
	switch {
	case err != nil:
		r.cannot(shown, why(err))
		return nil
	case !before.Mode().IsRegular():
		r.cannot(shown, "it is "+tokenctl.FileKind(before.Mode()))
		return nil
	case r.scanner.tooLarge(before.Size()):
		return nil
	}
	if t.piece.to > 0 {
		before = t.seen
		r.first = t.piece.line
		err = r.read(ctx, &source{path: shown}, nil, io.NewSectionReader(f, t.piece.from, t.piece.to-t.piece.from))
	} else {
		counted := &budget{}
		err = r.content(ctx, shown, counted.input(f), nesting{budget: counted, file: f, size: before.Size()})
	}
	if err := r.unlessUnread(shown, err); err != nil {
		return err
	}
	if after, err := f.Stat(); err == nil && (after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime())) {
		r.cannot(shown, "it changed while it was read")
	}
	return nil
}

// tooLarge reports whether a file or member is larger than the limit, and counts it.
func (s *Scanner) tooLarge(size int64) bool {
	if s.options.MaxSize == 0 || size <= s.options.MaxSize {
		return false
	}
	s.Counts.Skipped.Add(1)
	return true
}

// cannot reports a file, or a member of an archive, that could not be read.
func (r *searcher) cannot(path, why string) { r.scanner.cannot(r.within+path, why) }

// unlessUnread reports an error of reading a text, and returns any other error.
func (r *searcher) unlessUnread(path string, err error) error {
	var unread *readError
	if errors.As(err, &unread) {
		r.cannot(path, why(unread.err))
		return nil
	}
	return err
}

// why returns the operating system's message for an error.
func why(err error) string {
	if errors.Is(err, syscall.ELOOP) {
		return "it is a loop of symbolic links"
	}
	return tokenctl.Reason(err)
}
