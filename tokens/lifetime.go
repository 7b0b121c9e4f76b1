package tokens

import (
	"slices"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// Lifetime is the lifetime that the operator gives to a new credential. The zero value is the lifetime of the
// settings.
type Lifetime struct {
	By  LifetimeBy
	TTL time.Duration // only with ByTTL
	End time.Time     // only with ByDate
}

// LifetimeBy is the way in which a lifetime is given.
type LifetimeBy int

// The ways to give a lifetime.
const (
	BySettings LifetimeBy = iota // no flag: the application's settings
	ByTTL                        // --ttl
	ByDate                       // --expires
	Never                        // --never
	Kept                         // --keep-expiry of rotate: the end of the predecessor
)

// until returns the lifetime with this end.
func until(end time.Time) Lifetime { return Lifetime{By: ByDate, End: end} }

// end returns the end of a credential that is made now. ok is false if neither a TTL nor a date was given.
func (l Lifetime) end(now time.Time) (end time.Time, ok bool) {
	switch l.By {
	case ByTTL:
		return now.Add(l.TTL), true
	case ByDate:
		return l.End, true
	}
	return time.Time{}, false
}

// At returns the end of a credential that gets this lifetime now; zero means never.
func (l Lifetime) At(now time.Time) time.Time {
	end, _ := l.end(now)
	return end.Truncate(time.Microsecond)
}

// length returns the lifetime as a duration, for kinds that store one. More than 100 years is an error. ok is as
// for end.
func (l Lifetime) length(now time.Time) (d time.Duration, ok bool, err error) {
	end, ok := l.end(now)
	if d = end.Sub(now); ok && d > 100*366*24*time.Hour {
		err = &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "the new one would live for more than 100 years, until " + end.UTC().Format(time.RFC3339), Hint: "give a nearer date with --expires, or --ttl"}
	}
	return d, ok, err
}

// why returns the flag that gave the lifetime.
func (l Lifetime) why() string {
	switch l.By {
	case ByTTL:
		return "--ttl " + django.BriefDuration(l.TTL)
	case ByDate:
		return "--expires " + l.End.UTC().Format(time.RFC3339)
	}
	return ""
}

// configured returns a text about a value: the setting that gives the value or, if given is false, the peer's
// default.
func configured(given bool, section, name, value, peer string) string {
	if given {
		return "[" + section + "] " + strings.ToLower(name) + " " + value + " in tokenctl.toml"
	}
	return byDefault(name+" "+value, peer)
}

// byDefault returns a text about a value that no setting gives.
func byDefault(what, peer string) string {
	return what + ", " + peer + "'s default: no setting says otherwise"
}

// leeway returns a text about LEEWAY if no setting gives it, else "".
func leeway(env Env) string {
	if env.Settings.SimpleJWT.Leeway != nil {
		return ""
	}
	return byDefault("LEEWAY 0", "simplejwt")
}

// endColumns are the columns with the ends of credentials.
var endColumns = []string{".expiry", ".expires_at", ".expire_date"}

// EndUnknown reports whether the end of the credential is not known because the value in its row cannot be read.
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

// CannotKeep returns the reason why a successor cannot keep the credential's end; nil if it can.
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

// kept returns the end that a successor keeps, or the error of CannotKeep.
func (r *Ref) kept(now time.Time) (time.Time, error) {
	end := fromMicros(r.expires)
	if e := cannotKeep(r.ID(), end, r.form.endUnknown, now); e != nil {
		return end, e
	}
	return end, nil
}

// Shortens returns the setting or flag by which a successor that is made now ends earlier than the credential. It
// returns "" if the successor does not end earlier, or if one of the ends is not known.
func (r *Ref) Shortens(env Env, now time.Time, l Lifetime) (why string) {
	ends := r.form.kind.Ends
	if ends == nil || l.By == Kept || r.form.endUnknown {
		return ""
	}
	end, why := ends(env, now, r.form.typ, l)
	old := fromMicros(r.expires)
	if why == "" || end.IsZero() || !old.IsZero() && !end.Before(old) {
		return ""
	}
	return why
}
