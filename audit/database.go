package audit

import (
	"fmt"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
)

// database checks the connection, the role, the clock and the schema. SQLite has no server, so the first three
// checks leave it out.
func (r *run) database(*db.Layout) error {
	if !r.any("no-tls", "too-privileged-role", "clock-skew", "schema-drift") {
		return nil
	}
	return r.store.Read(r.ctx, func(tx *db.Tx) error {
		for _, part := range []struct {
			id     string
			server bool
			check  func(*Rule, *db.Tx) error
		}{{"no-tls", true, r.tls}, {"too-privileged-role", true, r.role}, {"clock-skew", true, r.clock}, {"schema-drift", false, r.schema}} {
			rule := r.rule(part.id)
			if rule == nil || part.server && tx.Engine == engine.SQLite {
				continue
			}
			err := tx.Try(r.ctx, func() error { return part.check(rule, tx) })
			if err := r.unless(err, "", part.id); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *run) tls(rule *Rule, tx *db.Tx) error {
	server, err := tx.Server(r.ctx)
	if err != nil || server.Link.Local {
		return err
	}
	switch l := server.Link; {
	case !l.Encrypted:
		r.find(Finding{Rule: rule, Subject: "not encrypted", Message: "the connection to the database goes to another host and is not encrypted: whoever is on the way reads the tokens; add sslmode=verify-full to its URL, or set PGSSLMODE"})
	case !l.Verified:
		r.find(Finding{Rule: rule, Subject: "not verified", Message: "the connection to the database goes to another host, and its certificate is not verified: anybody on the way can be in between; add sslmode=verify-full to its URL, or set PGSSLMODE"})
	}
	return nil
}

func (r *run) role(rule *Rule, tx *db.Tx) error {
	tables := tx.Layout.KnownTables()
	role, err := tx.Role(r.ctx, tables)
	if err != nil {
		return err
	}
	tell := func(s Severity, what, message string) {
		r.find(Finding{Rule: rule, Severity: s, Subject: what, Message: message})
	}
	if role.Superuser { // a superuser can do everything else
		tell(Medium, "superuser", "the role "+role.Name+" is a superuser of the server: connect as a role that may only read and write the rows of Django's tables")
		return nil
	}
	if role.CreateRole {
		tell(Medium, "createrole", "the role "+role.Name+" may create roles (createrole), which tokenctl never does")
	}
	if role.BypassRLS {
		tell(Medium, "bypassrls", "the role "+role.Name+" is above row-level security (bypassrls), which tokenctl does not need")
	}
	for _, t := range role.Truncates {
		tell(Medium, "truncate "+t.String(), "the role "+role.Name+" may truncate "+t.String()+", which tokenctl never does")
	}
	for _, t := range role.Triggers {
		tell(Medium, "trigger "+t.String(), "the role "+role.Name+" may make triggers of "+t.String()+", which tokenctl never does")
	}
	if len(role.Owns) > 0 {
		tell(Low, "owner", "the role "+role.Name+" owns "+ownedNames(role.Owns)+", so it can alter and drop them: tokenctl only reads and writes rows")
	}
	return nil
}

func ownedNames(tables []*engine.Table) string {
	return words(tokenctl.Mapped(tables, (*engine.Table).String))
}

// clock compares the clock of the database with the clock of this machine. The answer takes some time, so only
// a difference beyond this time counts.
func (r *run) clock(rule *Rule, tx *db.Tx) error {
	before := r.store.Now()
	there, err := tx.Clock(r.ctx)
	if err != nil {
		return err
	}
	by, how := skew(before, there, r.store.Now())
	if by <= r.Settings.ClockSkew.Duration {
		return nil
	}
	r.find(Finding{Rule: rule, Subject: "clock", Message: fmt.Sprintf("the database's clock is %s %s this machine's: what has expired for the one has not for the other", by.Round(time.Second), how)})
	return nil
}

// skew returns the least difference of a clock from another clock, and its direction. The other clock was read
// before and after the first one.
func skew(before, there, after time.Time) (by time.Duration, how string) {
	if ahead := there.Sub(after); ahead > 0 {
		return ahead, "ahead of"
	}
	return max(before.Sub(there), 0), "behind"
}

// nearlyUsed is the percentage of used key numbers above which there is a finding.
const nearlyUsed = 80

func (r *run) schema(rule *Rule, tx *db.Tx) error {
	drifts, err := tx.Drifts(r.ctx)
	if err != nil {
		return err
	}
	for _, d := range drifts {
		message := d.Table + "." + d.Column + " has no " + d.What + ", and Django makes one"
		if d.Create != "" {
			message += "; as its owner: " + d.Create
		} else {
			message += "; make the table again with manage.py migrate"
		}
		r.find(Finding{Rule: rule, Subject: d.What + " " + d.Table + "." + d.Column, Message: message})
	}
	sequences, err := tx.Sequences(r.ctx, tx.Layout.Written())
	if err != nil {
		return err
	}
	for _, s := range sequences {
		if s.Behind() {
			r.find(Finding{Rule: rule, Subject: "behind " + s.Name, Message: fmt.Sprintf("%s gives %d next, and %s has rows up to %d: new rows are refused; as its owner: %s", s.Name, s.Next, s.Table, s.Largest, s.Set)})
		}
		if s.Over(nearlyUsed) {
			r.find(Finding{Rule: rule, Subject: "used " + s.Name, Message: fmt.Sprintf("%s has used %d %% of the numbers that %s and its column hold; as its owner: %s", s.Name, s.Used(), s.Table, s.Widen)})
		}
	}
	return nil
}
