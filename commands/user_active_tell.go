package commands

import (
	"tokenctl/db"
	"tokenctl/tokens"
)

// tell says what was done, and at the end what remains.
func (r *activeRun) tell() {
	o, a := r.o, r.o.app
	state := "inactive"
	if o.active {
		state = "active"
	}
	stopped := !o.active && len(r.changed) > 0
	if len(r.users.list) > mostTold {
		if n := len(r.users.list) - len(r.changed); n > 0 {
			a.say("%s %s already", plural(n, "user was", "users were"), state)
		}
		if list := r.liveOfAll(); o.active && list != nil {
			a.say("note: valid again: %s; sessions that have not expired, too", liveCredentials(list))
		}
	} else {
		r.tellEach(state)
	}
	if o.revoke {
		r.revocation.tell(r.held, &r.done)
	}
	if stopped {
		a.say("note: %s refuse an inactive user at once", r.refuses)
	}
	if v := a.settings.Peers.SimpleJWT; stopped && (v == "" || !v.AtLeast("5.4.0")) {
		r.noteAccepted()
	}
	what := count(len(r.changed), "user")
	if o.revoke {
		what += " and blacklisted " + r.done.String()
	}
	a.sayDone(len(r.changed)+r.done.n, o.verb+"d", what)
	if o.revoke {
		r.sayRemains()
	}
}

// sayRemains says what remains.
func (r *activeRun) sayRemains() {
	if r.residual == nil {
		r.o.app.say("note: what remains: nothing that tokenctl knows of")
	}
	for _, note := range r.residual {
		r.o.app.say("note: what remains: %s", note)
	}
}

// tellEach says what became of each user.
func (r *activeRun) tellEach(state string) {
	o, a := r.o, r.o.app
	for i := range r.users.list {
		u := &r.users.list[i]
		if !r.changed[u.ID] {
			a.say("%s was %s already", whose(u), state)
			continue
		}
		a.say("%sd %s", o.verb, whose(u))
		if list := r.live[u.ID]; o.active && list != nil {
			a.say("note: valid again: %s; sessions that have not expired, too", liveCredentials(list))
		}
	}
}

// liveOfAll returns the sums of live credentials of the users whose state was changed.
func (r *activeRun) liveOfAll() (list []db.LiveCredentials) {
	rows := map[string]int{}
	for id := range r.changed {
		for _, h := range r.live[id] {
			rows[h.Kind] += h.Rows
		}
	}
	for _, kind := range tokens.KindNames() {
		if rows[kind] > 0 {
			list = append(list, db.LiveCredentials{Kind: kind, Rows: rows[kind]})
		}
	}
	return list
}

// noteAccepted names the credentials of inactive users that still work, and the command that ends them.
func (r *activeRun) noteAccepted() {
	note := func(h db.LiveCredentials, of, selector string) {
		if k, err := tokens.KindNamed(h.Kind); err == nil && k.TakenWhileInactive != "" {
			r.o.app.say("note: %s %s %s; to end that: tokenctl blacklist %s", k.TakenWhileInactive, of, liveCredentials([]db.LiveCredentials{h}), selector)
		}
	}
	if len(r.users.list) > mostTold {
		for _, h := range r.liveOfAll() {
			note(h, "their", "--inactive --kind "+h.Kind)
		}
		return
	}
	for i := range r.users.list {
		u := &r.users.list[i]
		for _, h := range r.live[u.ID] {
			if r.changed[u.ID] {
				note(h, whose(u)+"'s", tokens.UserArgument(r.layout.User, u, "--user"))
			}
		}
	}
}
