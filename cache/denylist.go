package cache

import (
	"context"
	"iter"
	"strconv"
	"strings"
	"time"

	"tokenctl"
)

// Denylist is a list in Redis of tokens that are void before they expire. The entry of a token has the key
// PREFIXjti:JTI, and its value is the time at which the token expires. The entry of a user has the key
// PREFIXuser:VALUE, and its value is a time: all tokens that the user got up to this time are void. Times are in
// seconds since 1970.
type Denylist struct {
	Prefix string
	// Client returns the client of the server. Each method calls it, so a command that does not use the denylist
	// makes no client.
	Client func() (*Client, error)
}

// Denial is an entry of a denylist.
type Denial struct {
	ID    string        // see [TokenID] and [UserID]
	Time  time.Time     // the value; zero: the value is not a time
	Lives time.Duration // the time until the server removes the entry; negative: the entry has no end
}

// The beginnings of the ids of entries.
const (
	tokenPrefix = "jti:"
	userPrefix  = "user:"
)

// TokenID returns the id of a token's entry.
func TokenID(jti string) string { return tokenPrefix + jti }

// UserID returns the id of a user's entry. value is the user id claim of the user's tokens, as text.
func UserID(value string) string { return userPrefix + value }

// UserOf returns the user id claim in the id of a user's entry, and "" for the id of a token's entry.
func UserOf(id string) string {
	value, ok := strings.CutPrefix(id, userPrefix)
	if !ok {
		return ""
	}
	return value
}

// IsDenialID reports whether a text has the form of an entry's id.
func IsDenialID(text string) bool {
	return strings.HasPrefix(text, tokenPrefix) && text != tokenPrefix || UserOf(text) != ""
}

// Ping checks that the server answers.
func (d *Denylist) Ping(ctx context.Context) error {
	c, err := d.Client()
	if err != nil {
		return err
	}
	return c.Ping(ctx)
}

// Write writes entries, and replaces entries with the same ids. After an error it may have written some of them.
func (d *Denylist) Write(ctx context.Context, list []Denial) error {
	c, err := d.Client()
	if err != nil {
		return err
	}
	entries := tokenctl.Mapped(list, func(e Denial) Entry {
		return Entry{Key: d.Prefix + e.ID, Value: strconv.FormatInt(e.Time.Unix(), 10), Lives: e.Lives}
	})
	return c.Set(ctx, entries)
}

// Remove removes entries, and reports for each whether it existed.
func (d *Denylist) Remove(ctx context.Context, ids []string) ([]bool, error) {
	c, err := d.Client()
	if err != nil {
		return nil, err
	}
	return c.Delete(ctx, d.keys(ids))
}

// Find reads entries, in the order of their ids; nil for an id without an entry.
func (d *Denylist) Find(ctx context.Context, ids []string) ([]*Denial, error) {
	c, err := d.Client()
	if err != nil {
		return nil, err
	}
	values, err := c.Values(ctx, d.keys(ids))
	if err != nil {
		return nil, err
	}
	found := make([]*Denial, len(ids))
	for i, v := range values {
		if v.Found {
			found[i] = &Denial{ids[i], seconds(v.Text), v.Lives}
		}
	}
	return found, nil
}

// All yields each entry once, in no order. It ignores other keys with the prefix.
func (d *Denylist) All(ctx context.Context) iter.Seq2[Denial, error] {
	return func(yield func(Denial, error) bool) {
		c, err := d.Client()
		if err != nil {
			yield(Denial{}, err)
			return
		}
		for keys, err := range c.Keys(ctx, Match("{key}", "", "", d.Prefix)) {
			if err != nil {
				yield(Denial{}, err)
				return
			}
			var ids []string
			for _, key := range keys {
				if id := strings.TrimPrefix(key, d.Prefix); IsDenialID(id) {
					ids = append(ids, id)
				}
			}
			found, err := d.Find(ctx, ids)
			if err != nil {
				yield(Denial{}, err)
				return
			}
			for _, e := range found {
				if e != nil && !yield(*e, nil) {
					return
				}
			}
		}
	}
}

func (d *Denylist) keys(ids []string) []string {
	return tokenctl.Mapped(ids, func(id string) string { return d.Prefix + id })
}

// seconds returns the time of a value, or the zero time for a value that is not a time.
func seconds(text string) time.Time {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
