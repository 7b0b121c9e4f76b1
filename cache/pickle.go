// Package cache speaks with Redis, and reads what Django and django-redis keep in a cache. It
// knows connections and the forms of keys and values, no database and no kind of credential.
package cache

import (
	"errors"
)

// Errors of [ReadPickle].
var (
	ErrNotPickle = errors.New("not a pickle")
	ErrNoDict    = errors.New("the pickle is not a dict")
)

// Opaque is a value of a pickle that is no text, number, bool or None: a list, a date, an
// instance of a class. Its class is neither imported nor called.
type Opaque struct{}

// dict is a dict of a pickle. Only items whose key is a text are kept.
type dict map[string]any

// ReadPickle reads a pickle of a dict, of any protocol, as pickletools of Python 3.11 describes
// its opcodes. Nothing of it is run: what only a call could make is [Opaque]. The other values
// are string, *big.Int, float64, bool or nil. The work and the memory that it takes are
// proportional to the length of the data.
func ReadPickle(data []byte) (map[string]any, error) {
	m := machine{data: data, memo: map[uint64]any{}}
	for {
		done, err := m.step()
		if err != nil {
			return nil, err
		}
		if done {
			break
		}
	}
	if len(m.stack) != 1 || len(m.data) != 0 {
		return nil, ErrNotPickle
	}
	d, ok := m.stack[0].(dict)
	if !ok {
		return nil, ErrNoDict
	}
	return d, nil
}
