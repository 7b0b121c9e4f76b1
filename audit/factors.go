package audit

import "tokenctl/db"

// factors reports the staff and superusers who have a usable password and no confirmed second factor.
func (r *run) factors(layout *db.Layout) error {
	rule := r.rule("no-second-factor")
	if rule == nil {
		return nil
	}
	if !layout.HasFactors() {
		r.skip(rule.ID, "no app that keeps second factors is installed")
		return nil
	}
	yes, no := true, false
	for _, f := range []db.Filter{{Superuser: &yes}, {Superuser: &no, Staff: &yes}} {
		own := r.owners()
		f.UserIDs, f.Active, f.NoFactor = own.UserIDs, own.Active, true
		for u, err := range r.store.ListUsers(r.ctx, f) {
			if err != nil {
				return r.unless(err, "the users", rule.ID)
			}
			if u.HasUsablePassword() && asked(own.Staff, u.IsStaff) && asked(own.Superuser, u.IsSuperuser) {
				r.find(Finding{Rule: rule, User: u.Username, UserID: u.ID, Message: "a " + roleOf(&u) + " with a usable password and no second factor: the password alone opens the account"})
			}
		}
	}
	return nil
}

// asked reports whether a flag has the value that a selector wants. A nil want accepts both values.
func asked(want, flag *bool) bool { return want == nil || *want == (flag != nil && *flag) }

func roleOf(u *db.User) string {
	if u.IsSuperuser != nil && *u.IsSuperuser {
		return "superuser"
	}
	return "member of staff"
}
