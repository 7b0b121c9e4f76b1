package commands

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokenctl/django"
	"tokenctl/tokens"
)

// lifetimeFlags say how long a new credential lives.
type lifetimeFlags struct {
	ttl     time.Duration
	expires dateValue
	never   bool
	keep    bool
}

func (l *lifetimeFlags) flags(c *cobra.Command) {
	durationVar(c.Flags(), &l.ttl, "ttl", "how long it lives: a `TIME` such as 90d (default: as the application configures)")
	c.Flags().StringVar(&l.expires.text, "expires", "", "when it expires, as a `DATE`")
	c.Flags().BoolVar(&l.never, "never", false, "it never expires")
	c.MarkFlagsMutuallyExclusive("ttl", "expires", "never")
}

// resolve returns what the flags mean now. The databases keep microseconds.
func (l *lifetimeFlags) resolve(now time.Time) (tokens.Lifetime, error) {
	switch {
	case l.never:
		return tokens.Lifetime{By: tokens.Never}, nil
	case l.keep:
		return tokens.Lifetime{By: tokens.Kept}, nil
	case l.ttl != 0:
		return tokens.Lifetime{By: tokens.ByTTL, TTL: l.ttl}, nil
	case l.expires.given():
		end, err := l.expires.resolve("expires", now, true)
		if err == nil && !end.After(now) {
			err = usage("--expires lies in the past", "")
		}
		return tokens.Lifetime{By: tokens.ByDate, End: end.UTC().Truncate(time.Microsecond)}, err
	}
	return tokens.Lifetime{}, nil
}

// ends says when a credential ends: "expires in 10h, 2026-11-29T08:00:00Z".
func (a *App) ends(c *tokens.Credential) string {
	switch {
	case c.EndUnknown():
		return "expires at a time that cannot be read"
	case c.Expires.IsZero():
		return "never expires"
	}
	return "expires " + a.in(c, c.Expires)
}

// in is a moment in a credential's life, from its beginning on and absolute. When a
// session began is not known, but it was just now.
func (a *App) in(c *tokens.Credential, t time.Time) string {
	from := c.Created
	if from.IsZero() {
		from = a.Now()
	}
	return "in " + django.BriefDuration(max(0, t.Sub(from))) + ", " + t.UTC().Format(time.RFC3339)
}

// endings are the ends of many new credentials: the first and the last.
type endings struct {
	first, last tokens.Credential
	n, never    int
}

func (e *endings) add(c *tokens.Credential) {
	if c.Expires.IsZero() {
		e.never++
		return
	}
	if e.n == 0 || c.Expires.Before(e.first.Expires) {
		e.first = *c
	}
	if e.n == 0 || c.Expires.After(e.last.Expires) {
		e.last = *c
	}
	e.n++
}

// text is like "all expire in 10h, 2026-11-29T08:00:00Z".
func (e *endings) text(a *App) string {
	var parts []string
	switch {
	case e.n == 0:
	case e.first.Expires.Equal(e.last.Expires) && e.never == 0:
		parts = append(parts, "all expire "+a.in(&e.first, e.first.Expires))
	case e.first.Expires.Equal(e.last.Expires):
		parts = append(parts, fmt.Sprintf("%d expire %s", e.n, a.in(&e.first, e.first.Expires)))
	default:
		parts = append(parts, fmt.Sprintf("%d expire, the first %s, the last %s", e.n, a.in(&e.first, e.first.Expires), a.in(&e.last, e.last.Expires)))
	}
	switch {
	case e.never > 0 && e.n == 0:
		parts = append(parts, "they never expire")
	case e.never > 0:
		parts = append(parts, fmt.Sprintf("%d never expire", e.never))
	}
	return strings.Join(parts, "; ")
}
