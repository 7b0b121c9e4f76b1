package tokens

import (
	"slices"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// Lifetime is what the operator said about how long a new credential lives. The zero
// value is nothing: it lives as long as the settings say.
type Lifetime struct {
	By  LifetimeBy
	TTL time.Duration // ByTTL
	End time.Time     // ByDate
}

// LifetimeBy is how a lifetime was given.
type LifetimeBy int

// The ways to give a lifetime.
const (
	BySettings LifetimeBy = iota
	ByTTL
	ByDate
	Never
	Kept // rotate: the predecessor's end
)

// until is a lifetime with this end.
func until(end time.Time) Lifetime { return Lifetime{By: ByDate, End: end} }

// end is when a credential ends that is made now; ok is false unless a time or a date was
// given.
func (l Lifetime) end(now time.Time) (end time.Time, ok bool) {
	switch l.By {
	case ByTTL:
		return now.Add(l.TTL), true
	case ByDate:
		return l.End, true
	}
	return time.Time{}, false
}

// At is when a credential ends that has this lifetime from now on; zero is never.
func (l Lifetime) At(now time.Time) time.Time {
	end, _ := l.end(now)
	return end.Truncate(time.Microsecond)
}

// length is that as a length of time, for kinds that count in these. None reaches further
// than a century.
func (l Lifetime) length(now time.Time) (d time.Duration, ok bool, err error) {
	end, ok := l.end(now)
	if d = end.Sub(now); ok && d > 100*366*24*time.Hour {
		err = &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "the new one would live for more than 100 years, until " + end.UTC().Format(time.RFC3339), Hint: "give a nearer date with --expires, or --ttl"}
	}
	return d, ok, err
}

// why names the flag that gave the lifetime.
func (l Lifetime) why() string {
	switch l.By {
	case ByTTL:
		return "--ttl " + django.BriefDuration(l.TTL)
	case ByDate:
		return "--expires " + l.End.UTC().Format(time.RFC3339)
	}
	return ""
}

// configured words the lifetime of a new credential: with its setting where one was
// given, and as the peer's default where none was.
func configured(given bool, section, name, value, peer string) string {
	if given {
		return "[" + section + "] " + strings.ToLower(name) + " " + value + " in tokenctl.toml"
	}
	return byDefault(name+" "+value, peer)
}

// byDefault words a value that nobody configured.
func byDefault(what, peer string) string {
	return what + ", " + peer + "'s default: no setting says otherwise"
}

// leeway words LEEWAY where nobody configured it; it is empty where somebody did.
func leeway(env Env) string {
	if env.Settings.SimpleJWT.Leeway != nil {
		return ""
	}
	return byDefault("LEEWAY 0", "simplejwt")
}

// endColumns are the columns with the ends of credentials.
var endColumns = []string{".expiry", ".expires_at", ".expire_date"}

// EndUnknown reports whether the credential may end at a time that nobody knows: what
// stands in its row could not be read.
func (c *Credential) EndUnknown() bool {
	switch c.Kind {
	case "drf":
		return false
	case "jwt", "session":
		return c.Expires.IsZero() // both always end
	}
	return c.Expires.IsZero() && slices.ContainsFunc(c.BadValues, func(u engine.BadValue) bool {
		return slices.ContainsFunc(endColumns, func(name string) bool { return strings.HasSuffix(u.Column, name) })
	})
}

// CannotKeep says why a successor cannot end when the credential does; nil where it can.
func (c *Credential) CannotKeep(now time.Time) *tokenctl.Error {
	return cannotKeep(c.ID, c.Expires, c.EndUnknown(), now)
}

func cannotKeep(id string, end time.Time, unknown bool, now time.Time) *tokenctl.Error {
	const hint = "leave out --keep-expiry, or give --ttl"
	switch {
	case unknown:
		return &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: "the expiry of " + id + " cannot be read, so it cannot be kept", Hint: hint + "; tokenctl doctor says what its row holds"}
	case !end.IsZero() && !end.After(now):
		return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: id + " has expired: with its expiry the new one would be dead at once", Hint: hint}
	}
	return nil
}

// kept is the predecessor's end for a successor.
func (r *Ref) kept(now time.Time) (time.Time, error) {
	end := unixMicro(r.expires)
	if e := cannotKeep(r.ID(), end, r.form.endUnknown, now); e != nil {
		return end, e
	}
	return end, nil
}

// Shortens says why a successor made now would end before the credential does, and is
// empty where it would not, or where nobody can tell.
func (r *Ref) Shortens(env Env, now time.Time, l Lifetime) (why string) {
	ends := r.form.kind.Ends
	if ends == nil || l.By == Kept || r.form.endUnknown {
		return ""
	}
	end, why := ends(env, now, r.form.typ, l)
	old := unixMicro(r.expires)
	if why == "" || end.IsZero() || !old.IsZero() && !end.Before(old) {
		return ""
	}
	return why
}
