package cache

import (
	"context"
	"hash/maphash"
	"iter"
	"strconv"
	"strings"
	"time"
)

// Denylist says in Redis which tokens are void although they have not expired. There is a key
// for a token, PREFIXjti:JTI, whose value is when it expires, and one for a user,
// PREFIXuser:VALUE, whose value is a time: what the user got up to then is void. Times are
// seconds since 1970.
type Denylist struct {
	Prefix string
	// Client connects with the server; it is called when the server is to be asked.
	Client func() (*Client, error)
}

// Denial is an entry of a denylist.
type Denial struct {
	ID    string        // see [TokenID] and [UserID]
	Time  time.Time     // its value; zero: that is no time
	Lives time.Duration // until the server removes it; negative: it stays
}

// What the ids of entries begin with.
const (
	tokenPrefix = "jti:"
	userPrefix  = "user:"
)

// TokenID is the id of a token's entry.
func TokenID(jti string) string { return tokenPrefix + jti }

// UserID is the id of a user's entry. value is the user id claim of the user's tokens as text.
func UserID(value string) string { return userPrefix + value }

// UserOf is the user id claim that an entry is about; empty for the entry of a token.
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

// Ping asks the server for a sign of life.
func (d *Denylist) Ping(ctx context.Context) error {
	c, err := d.Client()
	if err != nil {
		return err
	}
	return c.Ping(ctx)
}

// Write writes entries over those with the same ids.
func (d *Denylist) Write(ctx context.Context, list []Denial) error {
	c, err := d.Client()
	if err != nil {
		return err
	}
	entries := make([]Entry, len(list))
	for i, e := range list {
		entries[i] = Entry{Key: d.Prefix + e.ID, Value: strconv.FormatInt(e.Time.Unix(), 10), Lives: e.Lives}
	}
	return c.Set(ctx, entries)
}

// Remove removes entries and reports which of them were there.
func (d *Denylist) Remove(ctx context.Context, ids []string) ([]bool, error) {
	c, err := d.Client()
	if err != nil {
		return nil, err
	}
	return c.Delete(ctx, d.keys(ids))
}

// Find reads entries; nil for an id without one.
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

// All yields the entries in no order, each once. Other keys with the prefix are skipped.
func (d *Denylist) All(ctx context.Context) iter.Seq2[Denial, error] {
	return func(yield func(Denial, error) bool) {
		c, err := d.Client()
		if err != nil {
			yield(Denial{}, err)
			return
		}
		seed, seen := maphash.MakeSeed(), map[uint64]bool{} // SCAN may repeat a key
		for keys, err := range c.Keys(ctx, Match("{key}", "", "", d.Prefix)) {
			if err != nil {
				yield(Denial{}, err)
				return
			}
			var ids []string
			for _, key := range keys {
				id, hash := strings.TrimPrefix(key, d.Prefix), maphash.String(seed, key)
				if IsDenialID(id) && !seen[hash] {
					seen[hash] = true
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
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = d.Prefix + id
	}
	return keys
}

// seconds reads a value.
func seconds(text string) time.Time {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
