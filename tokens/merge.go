package tokens

import (
	"bytes"
	"cmp"
	"iter"
	"math/big"
	"strings"
	"time"
)

// merge yields the credentials of several lists in one order. The database has sorted each list.
func merge(lists []iter.Seq2[Credential, error], order func(a, b *Credential) int) iter.Seq2[Credential, error] {
	return func(yield func(Credential, error) bool) {
		type head struct {
			c    Credential
			next func() (Credential, error, bool)
		}
		var heads []*head
		for _, list := range lists {
			next, stop := iter.Pull2(list)
			defer stop()
			c, err, ok := next()
			if err != nil {
				yield(Credential{}, err)
				return
			}
			if ok {
				heads = append(heads, &head{c, next})
			}
		}
		for len(heads) > 0 {
			first := 0
			for i := range heads {
				if order(&heads[i].c, &heads[first].c) < 0 {
					first = i
				}
			}
			h := heads[first]
			if !yield(h.c, nil) {
				return
			}
			c, err, ok := h.next()
			if err != nil {
				yield(Credential{}, err)
				return
			}
			if h.c = c; !ok {
				heads = append(heads[:first], heads[first+1:]...)
			}
		}
	}
}

// concatenate yields the lists one after the other.
func concatenate(lists []iter.Seq2[Credential, error]) iter.Seq2[Credential, error] {
	return func(yield func(Credential, error) bool) {
		for _, list := range lists {
			for c, err := range list {
				if !yield(c, err) || err != nil {
					return
				}
			}
		}
	}
}

// order compares credentials as the database sorts those of one kind: by the field, then by the id bytewise.
// Unknown values are always last.
func (s *Selector) order(a, b *Credential) int {
	direction := 1
	if s.Descending {
		direction = -1
	}
	byID := strings.Compare(a.ID, b.ID)
	switch s.Sort {
	case "id":
		return direction * byID
	case "created":
		return cmp.Or(byTime(a.Created, b.Created, direction), byID)
	case "expires":
		return cmp.Or(byTime(a.Expires, b.Expires, direction), byID)
	case "user_id":
		return cmp.Or(byText(a.Owner.ID, b.Owner.ID, direction, compareKeys), byID)
	case "user":
		return cmp.Or(byText(a.Owner.Username, b.Owner.Username, direction, strings.Compare), byID)
	case "type":
		return cmp.Or(byText(a.Type, b.Type, direction, strings.Compare), byID)
	case "status":
		return cmp.Or(byText(string(a.Status), string(b.Status), direction, strings.Compare), byID)
	}
	return cmp.Or(direction*strings.Compare(a.Kind, b.Kind), byID)
}

func byTime(a, b time.Time, direction int) int {
	return unknownLast(a.IsZero(), b.IsZero(), direction*a.Compare(b))
}

func byText(a, b string, direction int, compare func(a, b string) int) int {
	return unknownLast(a == "", b == "", direction*compare(a, b))
}

// unknownLast compares two values, of which an unknown one is greater. known is the result for two known values.
func unknownLast(a, b bool, known int) int {
	switch {
	case a && b:
		return 0
	case a:
		return 1
	case b:
		return -1
	}
	return known
}

// compareKeys orders primary keys as their columns do: integers by value, other
// keys bytewise.
func compareKeys(a, b string) int {
	x, isX := new(big.Int).SetString(a, 10)
	y, isY := new(big.Int).SetString(b, 10)
	if isX && isY {
		return x.Cmp(y)
	}
	return bytes.Compare([]byte(a), []byte(b))
}
