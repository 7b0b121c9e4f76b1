package tokens

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash/maphash"
	"iter"
	"slices"
	"time"

	"tokenctl/db"
	"tokenctl/django"
)

// Set is the credentials that a selector picked, in their order. It keeps of each
// what names it, what a list shows, and what a change needs to find it as it was
// seen, closely packed: a hundred bytes or so.
type Set struct {
	packs [][]byte
	n     int
	sum   uint64
	forms []Form
}

// Form is what credentials with secrets of the same names have in common.
type Form struct {
	Kind *Kind
	Type string
}

// packSize is how much a pack grows to.
const packSize = 1 << 20

// idSeed makes sums that nobody can foresee.
var idSeed = maphash.MakeSeed()

// Len is how many there are.
func (s *Set) Len() int { return s.n }

// Forms are those that occur, each once.
func (s *Set) Forms() []Form { return s.forms }

// Same reports whether two sets are the same credentials with the same secrets,
// in whatever order: what a preview showed and what a write found.
func (s *Set) Same(t *Set) bool { return s.n == t.n && s.sum == t.sum }

// Count adds an id to those that Same compares, without keeping it.
func (s *Set) Count(id string) {
	s.n++
	s.sum += maphash.String(idSeed, id)
}

// Add adds a credential that a list yielded.
func (s *Set) Add(c *Credential) {
	s.Count(c.ID)
	k := c.Of()
	if !slices.Contains(s.forms, Form{k, c.Type}) {
		s.forms = append(s.forms, Form{k, c.Type})
	}
	if last := len(s.packs) - 1; last < 0 || len(s.packs[last]) > packSize-packSize/8 {
		s.packs = append(s.packs, make([]byte, 0, packSize))
	}
	last := &s.packs[len(s.packs)-1]
	*last = c.pack(append(*last, byte(slices.Index(Kinds(), k))))
}

// Size is how many bytes of memory it takes.
func (s *Set) Size() int { return len(s.packs) * packSize }

// All yields them one by one.
func (s *Set) All() iter.Seq[Credential] {
	return func(yield func(Credential) bool) {
		for _, p := range s.packs {
			for u := (unpacker{p}); len(u.rest) > 0; {
				if !yield(u.credential()) {
					return
				}
			}
		}
	}
}

// pack appends the credential without its kind.
func (c *Credential) pack(b []byte) []byte {
	flags := byte(0)
	if c.Owner.IsActive != nil {
		flags |= 1
		if *c.Owner.IsActive {
			flags |= 2
		}
	}
	if c.Owner.HasUsablePassword() {
		flags |= 4
	}
	b = append(b, flags)
	for _, text := range []string{c.Type, c.Owner.ID, c.Owner.Username, string(c.Status), c.Signature} {
		b = packText(b, text)
	}
	b = binary.AppendVarint(binary.AppendVarint(b, c.Created.UnixMicro()), c.Expires.UnixMicro())
	switch r := c.row.(type) {
	case db.Token:
		return binary.AppendVarint(packText(b, r.Key.Reveal()), int64(r.Place))
	case db.KnoxToken:
		return binary.AppendVarint(packText(packText(b, r.Digest), r.Seen), int64(r.Place))
	case jwtRow:
		seen := binary.AppendVarint(binary.AppendVarint(b, r.stored.Row), r.seen.UnixMicro())
		return r.inheritance.pack(packText(seen, r.stored.JTI))
	case db.Session:
		b = packText(packText(b, r.Key.Reveal()), r.UserID)
		return binary.AppendVarint(binary.AppendVarint(b, int64(r.Place)), r.Sum)
	}
	panic("tokens: no list yields this credential")
}

// pack appends it; nil is nothing.
func (h *inheritance) pack(b []byte) []byte {
	if h == nil {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(h.claims))<<1|1)
	if h.foreign {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	for _, c := range h.claims {
		b = packText(packText(b, c.Name), string(c.Value))
	}
	return b
}

// packText appends a text, two hexadecimal digits in a byte: most are of these.
func packText(b []byte, text string) []byte {
	n := uint64(len(text)) << 1
	if len(text)%2 == 0 && isHex(text) {
		b, _ = hex.AppendDecode(binary.AppendUvarint(b, n|1), []byte(text))
		return b
	}
	return append(binary.AppendUvarint(b, n), text...)
}

// unpacker reads what pack wrote.
type unpacker struct{ rest []byte }

func (u *unpacker) credential() Credential {
	k := Kinds()[u.byte()]
	flags := u.byte()
	c := Credential{Kind: k.Name, Type: u.text()}
	var active *bool
	if flags&1 != 0 {
		active = new(bool)
		*active = flags&2 != 0
	}
	c.Owner = db.Owner(u.text(), u.text(), active, flags&4 != 0)
	c.Status, c.Signature = Status(u.text()), u.text()
	c.Created, c.Expires = u.time(), u.time()
	switch k {
	case DRF:
		c.secret = django.NewSecret(u.text())
		c.row = db.Token{Key: c.secret, Created: c.Created, User: c.Owner, Place: u.place()}
		c.ID = drfID(c.Owner, c.secret)
	case Knox:
		digest := u.text()
		c.row = db.KnoxToken{Digest: digest, Seen: u.text(), Created: c.Created, Expires: c.Expires, Status: string(c.Status), User: c.Owner, Place: u.place()}
		c.ID = knoxID(digest)
	case JWT:
		row, seen := u.varint(), time.UnixMicro(u.varint()).UTC()
		jti := u.text()
		c.row = jwtRow{stored: &db.OutstandingToken{Row: row, JTI: jti, User: c.Owner}, seen: seen, inheritance: u.inheritance()}
		c.ID = jwtID(jti)
	case Session:
		c.secret = django.NewSecret(u.text())
		c.row = db.Session{Key: c.secret, UserID: u.text(), Expires: c.Expires, User: c.Owner, Place: u.place(), Sum: u.varint()}
		c.ID = SessionID(c.secret)
	}
	return c
}

func (u *unpacker) inheritance() *inheritance {
	n, size := binary.Uvarint(u.rest)
	if u.rest = u.rest[size:]; n == 0 {
		return nil
	}
	h := &inheritance{foreign: u.byte() != 0}
	for range n >> 1 {
		h.claims = append(h.claims, django.JWTClaim{Name: u.text(), Value: json.RawMessage(u.text())})
	}
	return h
}

func (u *unpacker) byte() byte {
	b := u.rest[0]
	u.rest = u.rest[1:]
	return b
}

func (u *unpacker) varint() int64 {
	n, size := binary.Varint(u.rest)
	u.rest = u.rest[size:]
	return n
}

func (u *unpacker) text() string {
	n, size := binary.Uvarint(u.rest)
	u.rest = u.rest[size:]
	packed := n&1 != 0
	if n >>= 1; packed {
		n /= 2
	}
	text := u.rest[:n]
	u.rest = u.rest[n:]
	if packed {
		return hex.EncodeToString(text)
	}
	return string(text)
}

func (u *unpacker) place() db.Place { return db.Place(u.varint()) }

func (u *unpacker) time() time.Time { return time.UnixMicro(u.varint()).UTC() }
