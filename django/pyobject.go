package django

import (
	"cmp"
	"slices"
)

// The text of a value is written once, however deep its objects are nested. If a name is
// repeated, the text is corrected once, at the end: correcting each object as it ends would
// copy a nested value once for each level.

// pyEdit says what stands for a stretch of the text: the stretch from byFrom to byTo,
// or nothing where that is empty.
type pyEdit struct{ from, to, byFrom, byTo int }

// pyMember is a member of an object that is being written.
type pyMember struct {
	key      string
	from, to int // its value
	edit     int // in edits, from 1; 0: its name came once
}

// canonical reads the next value and returns its canonical text.
func (r *pyReader) canonical() ([]byte, error) {
	r.edits = r.edits[:0]
	out, err := r.value(nil)
	if err != nil || len(r.edits) == 0 {
		return out, err
	}
	slices.SortFunc(r.edits, func(a, b pyEdit) int { return cmp.Compare(a.from, b.from) })
	return r.edited(make([]byte, 0, len(out)), out, 0, len(out)), nil
}

// edited appends a stretch of a text with its edits made.
func (r *pyReader) edited(to, text []byte, from, end int) []byte {
	for {
		i, _ := slices.BinarySearchFunc(r.edits, from, func(e pyEdit, from int) int { return cmp.Compare(e.from, from) })
		if i == len(r.edits) || r.edits[i].from >= end {
			return append(to, text[from:end]...)
		}
		e := r.edits[i]
		to = append(to, text[from:e.from]...)
		if e.byFrom < e.byTo {
			to = r.edited(to, text, e.byFrom, e.byTo)
		}
		from = e.to
	}
}

// members reads an object. member reads the value of a name, which it is given as
// json.dumps writes it.
func (r *pyReader) members(member func(key string) error) error {
	if r.depth++; r.depth > maxPyDepth {
		return ErrPythonDepth
	}
	defer func() { r.depth-- }()
	r.pos++
	if r.space(); r.peek() == '}' {
		r.pos++
		return nil
	}
	for {
		if r.peek() != '"' {
			return r.fail("Expecting property name enclosed in double quotes", r.pos)
		}
		r.pos++
		text, err := r.text(r.key[:0])
		if err != nil {
			return err
		}
		key := string(text) // before the value's own keys
		if r.space(); r.peek() != ':' {
			return r.fail("Expecting ':' delimiter", r.pos)
		}
		r.pos++
		r.space()
		if err := member(key); err != nil {
			return err
		}
		r.space()
		switch r.peek() {
		case '}':
			r.pos++
			return nil
		case ',':
			r.pos++
			r.space()
		default:
			return r.fail("Expecting ',' delimiter", r.pos)
		}
	}
}

// object reads an object whose members are wanted.
func (r *pyReader) object() (JWTClaims, error) {
	claims := JWTClaims{}
	var index map[string]int // by key, once there are many
	err := r.members(func(key string) error {
		value, err := r.canonical()
		if err == nil {
			claims, index = claims.put(key, value, index)
		}
		return err
	})
	return claims, err
}

// nested writes an object inside of a value: of a name that comes again, the last
// value stands in the first one's place.
func (r *pyReader) nested(out []byte) ([]byte, error) {
	var members []pyMember
	var index map[string]int // by key, once there are many
	out = append(out, '{')
	err := r.members(func(key string) (err error) {
		start := len(out)
		if len(members) > 0 {
			out = append(out, ',')
		}
		out = append(append(out, key...), ':')
		m := pyMember{key: key, from: len(out)}
		if out, err = r.value(out); err != nil {
			return err
		}
		m.to = len(out)
		i, again := index[key]
		if index == nil {
			i = slices.IndexFunc(members, func(m pyMember) bool { return m.key == key })
			again = i >= 0
		}
		if again {
			r.again(&members[i], m, start)
			return nil
		}
		members = append(members, m)
		if index != nil {
			index[key] = len(members) - 1
		} else if len(members) == 32 {
			index = make(map[string]int, 2*len(members))
			for i, m := range members {
				index[m.key] = i
			}
		}
		return nil
	})
	return append(out, '}'), err
}

// again notes that a name came again, with the text from start on.
func (r *pyReader) again(first *pyMember, last pyMember, start int) {
	r.edits = append(r.edits, pyEdit{from: start, to: last.to})
	if first.edit == 0 {
		r.edits = append(r.edits, pyEdit{from: first.from, to: first.to})
		first.edit = len(r.edits)
	}
	e := &r.edits[first.edit-1]
	e.byFrom, e.byTo = last.from, last.to
}
