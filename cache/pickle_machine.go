package cache

import (
	"bufio"
	"encoding/binary"
	"math/big"
	"slices"
)

// mark is the value that MARK pushes.
type mark struct{}

// machine is the state of the reader of a pickle.
type machine struct {
	data   []byte // the part that is not read yet
	stack  []any
	memo   map[uint64]any
	failed bool
}

// take returns the next n bytes.
func (m *machine) take(n uint64) []byte {
	if n > uint64(len(m.data)) {
		m.failed = true
		return nil
	}
	b := m.data[:n]
	m.data = m.data[n:]
	return b
}

// number reads an unsigned number of size bytes, in little-endian order.
func (m *machine) number(size uint64) uint64 {
	var b [8]byte
	copy(b[:], m.take(size))
	return binary.LittleEndian.Uint64(b[:])
}

// line reads the rest of a line.
func (m *machine) line() string {
	n, b, err := bufio.ScanLines(m.data, false)
	if err != nil || n == 0 {
		m.failed = true
		return ""
	}
	m.data = m.data[n:]
	return string(b)
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

func (m *machine) pop() any {
	if len(m.stack) == 0 {
		m.failed = true
		return nil
	}
	v := m.stack[len(m.stack)-1]
	m.stack = m.stack[:len(m.stack)-1]
	return v
}

// popMark removes the last mark and the values above it, and returns these values.
func (m *machine) popMark() []any {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if _, ok := m.stack[i].(mark); ok {
			values := slices.Clone(m.stack[i+1:])
			m.stack = m.stack[:i]
			return values
		}
	}
	m.failed = true
	return nil
}

// replace replaces the last n values by one [Opaque].
func (m *machine) replace(n int) {
	for range n {
		m.pop()
	}
	m.push(Opaque{})
}

// set adds items to the dict on the stack. It ignores the items of other objects.
func (m *machine) set(items []any) {
	if len(m.stack) == 0 || len(items)%2 != 0 {
		m.failed = true
		return
	}
	d, ok := m.stack[len(m.stack)-1].(dict)
	if !ok {
		return
	}
	for i := 0; i < len(items); i += 2 {
		if key, ok := items[i].(string); ok {
			d[key] = items[i+1]
		}
	}
}

// remember stores the last value of the stack in the memo.
func (m *machine) remember(index uint64) {
	v := m.pop()
	m.push(v)
	m.memo[index] = v
}

// recall pushes a value of the memo.
func (m *machine) recall(index uint64) {
	v, ok := m.memo[index]
	m.failed = m.failed || !ok
	m.push(v)
}

// integer reads a number in two's complement, in little-endian order.
func integer(b []byte) *big.Int {
	reversed := slices.Clone(b)
	slices.Reverse(reversed)
	n := new(big.Int).SetBytes(reversed)
	if len(b) > 0 && b[len(b)-1]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}
