package commands

import (
	"slices"
	"strings"
	"time"

	"tokenctl/output"
	"tokenctl/tokens"
)

// auditColumns are further fields of a list. They are there only if --columns or --field
// names them: most of them are about the owner, and cost a list time.
var auditColumns = []output.Column{{Name: "email"}, {Name: "is_active"}, {Name: "is_staff"}, {Name: "is_superuser"}, {Name: "last_login"},
	{Name: "age_days"}, {Name: "expires_days"}, {Name: lastUsed, Fields: useFields}}

// lastUsed is the field that says when a credential was used last, as its row proves.
const lastUsed = "last_used"

// usedColumns are the further field of show.
var usedColumns = []output.Column{{Name: lastUsed, Fields: useFields}}

var useFields = []string{"from", "to", "source"}

// ofOwner reports whether a further field needs more of the owner than a list usually reads.
func ofOwner(c output.Column) bool {
	return !slices.Contains([]string{"age_days", "expires_days", "is_active"}, c.Name)
}

// namedFields are those of the further fields that the command line names, in its order.
func (a *App) namedFields(further []output.Column) (asked []output.Column) {
	for _, name := range append(slices.Clone(a.global.columns), a.global.field) {
		whole, _, _ := strings.Cut(strings.TrimPrefix(name, "+"), ".") // of last_used.from
		named := func(c output.Column) bool { return c.Name == whole }
		if i := slices.IndexFunc(further, named); i >= 0 && !slices.ContainsFunc(asked, named) {
			asked = append(asked, further[i])
		}
	}
	return asked
}

// auditValue is the value of a further field. An owner who is not there has none.
func auditValue(name string, c *tokens.Credential, now time.Time) output.Value {
	u := &c.Owner
	switch name {
	case "email":
		return orNull(u.Email, output.String)
	case "is_active":
		return output.OptBool(u.IsActive)
	case "is_staff":
		return output.OptBool(u.IsStaff)
	case "is_superuser":
		return output.OptBool(u.IsSuperuser)
	case "last_login":
		return output.Time(u.LastLogin)
	case "age_days":
		if !c.Created.IsZero() {
			return output.Int(days(c.Created, now))
		}
	case "expires_days":
		if !c.Expires.IsZero() {
			return output.Int(days(now, c.Expires))
		}
	}
	return output.Null()
}

// reasons are why credentials are disabled or dead.
type reasons struct {
	order []statusReason
	n     map[statusReason]int
}

type statusReason struct {
	status tokens.Status
	why    string
}

func (r *reasons) add(c *tokens.Credential) {
	why := c.Why()
	if why == "" {
		return
	}
	key := statusReason{c.Status, why}
	if r.n[key]++; r.n[key] == 1 {
		r.order = append(r.order, key)
	}
}

// tell says of how many credentials each of the reasons holds.
func (r *reasons) tell(a *App) {
	for _, key := range r.order {
		a.say("note: %d %s: %s", r.n[key], key.status, key.why)
	}
}

// days is the number of whole days between two times; less than a day backwards is -1. A
// [time.Duration] would end after 292 years.
func days(from, to time.Time) int64 {
	seconds := to.Unix() - from.Unix()
	if to.Nanosecond() < from.Nanosecond() {
		seconds--
	}
	const day = 24 * 60 * 60
	n := seconds / day
	if seconds%day < 0 {
		n--
	}
	return n
}
