// Package cache connects to Redis and memcached, and reads and writes the sessions of Django and django-redis and
// the entries of a denylist. It knows the forms of keys and values. It knows no database and no kinds of
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

// Opaque stands for a value of a pickle that is not a dict, text, number, bool or None: a list, a date, or an
// instance of a class. ReadPickle does not import or call its class.
type Opaque struct{}

// dict is a dict of a pickle. It only has items whose key is a text.
type dict map[string]any

// ReadPickle reads a pickle of a dict, in any protocol. pickletools of Python 3.11 describes the opcodes.
// ReadPickle calls no function of the pickle: a value that needs a call is [Opaque]. Other values are a dict,
// string, *big.Int, float64, bool or nil. Time and memory are proportional to the length of the data. The error is
// [ErrNotPickle] or [ErrNoDict].
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
