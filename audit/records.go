package audit

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

// A finding is stored as a record: the number of its bytes, then its texts, each behind the number of its
// bytes. The rule and the severity belong to the part.

func (v *Finding) texts() [7]*string {
	return [...]*string{&v.ID, &v.Kind, &v.User, &v.UserID, &v.Subject, &v.Message, &v.Fix} // the id is first: see sortByID
}

// append appends the record of a finding.
func (v *Finding) append(b []byte) []byte {
	size := 0
	texts := v.texts()
	var length [binary.MaxVarintLen64]byte
	for _, text := range texts {
		size += binary.PutUvarint(length[:], uint64(len(*text))) + len(*text)
	}
	b = binary.AppendUvarint(b, uint64(size))
	for _, text := range texts {
		b = binary.AppendUvarint(b, uint64(len(*text)))
		b = append(b, *text...)
	}
	return b
}

// cut cuts a text and its length off the beginning of a record.
func cut[T string | []byte](record T) (text, rest T) {
	size, shift, i := 0, 0, 0
	for ; record[i] >= 0x80; i++ {
		size, shift = size|int(record[i]&0x7f)<<shift, shift+7
	}
	size |= int(record[i]) << shift
	return record[i+1 : i+1+size], record[i+1+size:]
}

// finding returns the finding of a record without its length.
func finding(record string) (v Finding) {
	for _, text := range v.texts() {
		*text, record = cut(record)
	}
	return v
}

// sortByID returns records in the order of the ids in them.
func sortByID(b []byte) []byte {
	type entry struct {
		id, record []byte
		at         int
	}
	var list []entry
	for rest := b; len(rest) > 0; {
		record, behind := cut(rest)
		id, _ := cut(record)
		list = append(list, entry{id, rest[:len(rest)-len(behind)], len(list)})
		rest = behind
	}
	slices.SortFunc(list, func(a, b entry) int { return cmp.Or(bytes.Compare(a.id, b.id), a.at-b.at) }) // twice as fast as a stable sort
	sorted := make([]byte, 0, len(b))
	for _, e := range list {
		sorted = append(sorted, e.record...)
	}
	return sorted
}

// source reads records.
type source struct {
	*bufio.Reader
	head Finding // the next finding
	buf  []byte
}

// next reads the next finding into head. The error is io.EOF behind the last one.
func (s *source) next() error {
	size, err := binary.ReadUvarint(s)
	if err != nil {
		return err
	}
	s.buf = slices.Grow(s.buf[:0], int(size))[:size]
	if _, err := io.ReadFull(s, s.buf); err != nil {
		return fmt.Errorf("a finding ends early: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	s.head = finding(string(s.buf))
	return nil
}

// merged yields the findings of several sources, each of which is in the order of the ids, in this order.
func merged(readers []io.Reader) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		var sources []*source
		advance := func(s *source) error {
			switch err := s.next(); err {
			case nil:
				i, _ := slices.BinarySearchFunc(sources, s, func(a, b *source) int {
					if a.head.ID > b.head.ID {
						return 1
					}
					return -1
				})
				sources = slices.Insert(sources, i, s)
				return nil
			case io.EOF:
				return nil
			default:
				return errors.Join(errors.New("cannot read the findings from a temporary file"), err)
			}
		}
		for _, r := range readers {
			if err := advance(&source{Reader: bufio.NewReader(r)}); err != nil {
				yield(Finding{}, err)
				return
			}
		}
		for len(sources) > 0 {
			s := sources[0]
			sources = slices.Delete(sources, 0, 1)
			if !yield(s.head, nil) {
				return
			}
			if err := advance(s); err != nil {
				yield(Finding{}, err)
				return
			}
		}
	}
}
