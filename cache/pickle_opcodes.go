package cache

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// step executes one opcode. done is true after the last one.
func (m *machine) step() (done bool, err error) {
	code := m.take(1)
	if m.failed {
		return false, ErrNotPickle
	}
	switch code[0] {
	case '.': // STOP
		done = true
	case 0x80: // PROTO
		m.take(1)
	case 0x95: // FRAME
		m.take(8)
	case '(':
		m.push(mark{})
	case '0': // POP
		m.pop()
	case '1': // POP_MARK
		m.popMark()
	case '2': // DUP
		v := m.pop()
		m.push(v)
		m.push(v)
	case 'N':
		m.push(nil)
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		m.push(code[0] == 0x88)
	case 'K': // BININT1
		m.push(new(big.Int).SetUint64(m.number(1)))
	case 'M': // BININT2
		m.push(new(big.Int).SetUint64(m.number(2)))
	case 'J': // BININT
		m.push(integer(m.take(4)))
	case 0x8a: // LONG1
		m.push(integer(m.take(m.number(1))))
	case 0x8b: // LONG4
		m.push(integer(m.take(m.number(4))))
	case 'I', 'L': // INT, LONG
		m.text(m.line())
	case 'F': // FLOAT
		f, err := strconv.ParseFloat(m.line(), 64)
		m.failed = m.failed || err != nil
		m.push(f)
	case 'G': // BINFLOAT
		if b := m.take(8); b != nil {
			m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
		}
	case 0x8c: // SHORT_BINUNICODE
		m.push(string(m.take(m.number(1))))
	case 'X': // BINUNICODE
		m.push(string(m.take(m.number(4))))
	case 0x8d: // BINUNICODE8
		m.push(string(m.take(m.number(8))))
	case 'V': // UNICODE, raw-unicode-escape
		line := m.line()
		if strings.Contains(line, `\`) {
			m.push(Opaque{})
		} else {
			m.push(line)
		}
	default:
		m.object(code[0])
	}
	if m.failed {
		return false, ErrNotPickle
	}
	return done, nil
}

// text pushes the number of an INT or LONG. INT also has the bools of protocol 0.
func (m *machine) text(line string) {
	switch line {
	case "00", "01":
		m.push(line == "01")
		return
	}
	const longest = 4300 // digits; the limit of Python (sys.set_int_max_str_digits)
	n, ok := new(big.Int), len(line) <= longest
	if ok {
		n, ok = n.SetString(strings.TrimSuffix(line, "L"), 10)
	}
	m.failed = m.failed || !ok
	m.push(n)
}

// object executes the opcodes for containers, for the memo, and for objects that are [Opaque].
func (m *machine) object(code byte) {
	switch code {
	case '}': // EMPTY_DICT
		m.push(dict{})
	case 'd': // DICT
		items := m.popMark()
		m.push(dict{})
		m.set(items)
	case 's': // SETITEM
		value, key := m.pop(), m.pop()
		m.set([]any{key, value})
	case 'u': // SETITEMS
		m.set(m.popMark())
	case ']', ')', 0x8f: // EMPTY_LIST, EMPTY_TUPLE, EMPTY_SET
		m.push(Opaque{})
	case 'l', 't', 'o', 0x91: // LIST, TUPLE, OBJ, FROZENSET
		m.popMark()
		m.push(Opaque{})
	case 'a', 'b': // APPEND, BUILD: an argument for the object below
		m.pop()
	case 'e', 0x90: // APPENDS, ADDITEMS
		m.popMark()
	case 0x85, 0x86, 0x87: // TUPLE1, TUPLE2, TUPLE3
		m.replace(int(code-0x85) + 1)
	case 'R', 0x81, 0x93: // REDUCE, NEWOBJ, STACK_GLOBAL
		m.replace(2)
	case 0x92: // NEWOBJ_EX
		m.replace(3)
	case 'c', 'i': // GLOBAL, INST
		m.line()
		m.line()
		if code == 'i' {
			m.popMark()
		}
		m.push(Opaque{})
	case 'S': // STRING, of Python 2
		m.line()
		m.push(Opaque{})
	case 'U', 'C': // SHORT_BINSTRING, SHORT_BINBYTES
		m.take(m.number(1))
		m.push(Opaque{})
	case 'T', 'B': // BINSTRING, BINBYTES
		m.take(m.number(4))
		m.push(Opaque{})
	case 0x8e, 0x96: // BINBYTES8, BYTEARRAY8
		m.take(m.number(8))
		m.push(Opaque{})
	case 'p', 'g': // PUT, GET
		n, err := strconv.ParseUint(m.line(), 10, 64)
		m.failed = m.failed || err != nil
		m.memory(code == 'p', n)
	case 'q', 'h': // BINPUT, BINGET
		m.memory(code == 'q', m.number(1))
	case 'r', 'j': // LONG_BINPUT, LONG_BINGET
		m.memory(code == 'r', m.number(4))
	case 0x94: // MEMOIZE
		m.remember(uint64(len(m.memo)))
	default: // persistent ids, extensions and buffers: Django cannot read them, either
		m.failed = true
	}
}

func (m *machine) memory(put bool, index uint64) {
	if put {
		m.remember(index)
	} else {
		m.recall(index)
	}
}
