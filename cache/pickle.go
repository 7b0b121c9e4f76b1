// Package cache talks to Redis, and reads the values of Django and django-redis in a cache. It
// knows connections and the forms of keys and values, and neither a database nor kinds of
// credentials.
package cache

import (
	"errors"
)

// Errors of [ReadPickle].
var (
	ErrNotPickle = errors.New("not a pickle")
	ErrNoDict    = errors.New("the pickle is not a dict")
)

// Opaque stands for a value of a pickle other than a text, number, bool or None: a list, a date,
// or an instance of a class. Its class is neither imported nor called.
type Opaque struct{}

// dict is a dict of a pickle. It has only the items whose key is a text.
type dict map[string]any

// ReadPickle reads a pickle of a dict, of any protocol, as pickletools of Python 3.11 describes
// its opcodes. It calls nothing: a value that needs a call is [Opaque]. The other values
// are string, *big.Int, float64, bool or nil. Time and memory are proportional to the length of
// the data. The error is [ErrNotPickle] or [ErrNoDict].
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
