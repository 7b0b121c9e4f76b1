package audit

import (
	"hash/maphash"
	"strings"
	"time"

	"tokenctl/db"
	"tokenctl/tokens"
)

// This file has the rules about one credential.

// credential checks these rules for one credential.
func (p *pass) credential(c *tokens.Credential) {
	k := c.Of()
	if c.Orphan() && !k.ListsOrphans { // only the rule ownerless is about such a credential
		p.ownerless(c)
		return
	}
	s := p.kinds[k]
	if s.keys != nil {
		s.keys.add(c)
	}
	if c.Orphan() {
		p.ownerless(c)
	}
	switch {
	case c.Status == tokens.Dead && !c.Orphan():
		s.dead++
		p.mends("dead-rows", c)
	case k.Revivable != nil && k.Revivable(c, p.now):
		p.about("revivable", c, "only its row keeps it dead, and simplejwt's flushexpiredtokens deletes the row: then it works again until "+date(c.Expires), "")
	}
	if k.Can("purge") && c.Over(p.env, p.now) {
		s.expired++
	}
	live := c.Status == tokens.Active
	if u := &c.Owner; u.ID != "" && !u.Active() && (live || c.Status == tokens.Disabled) {
		p.about("inactive-owner", c, "its owner is inactive: it works again as soon as the owner is activated", p.fix("blacklist", c.ID))
	}
	if k.Whole != nil && k.Whole(c) {
		switch c.Status {
		case tokens.Active:
			s.whole++
		case tokens.Disabled: // it works again when its owner is activated
		default:
			p.mends("clear-refresh", c)
		}
	}
	if live {
		p.liveOne(k, c)
	}
}

// liveOne checks the rules about live credentials.
func (p *pass) liveOne(k *tokens.Kind, c *tokens.Credential) {
	p.live++
	if yes := c.Owner.IsSuperuser; yes != nil && *yes {
		p.about("privileged-token", c, "its owner is a superuser: whoever has the secret can do everything", p.fix("blacklist", c.ID))
	}
	if c.Owner.ID != "" {
		p.dormant(k, c)
		p.holds(k, &c.Owner)
	}
	p.aged(k, c)
	p.longLived(k, c)
	if !c.Expires.IsZero() {
		p.days[c.Expires.UTC().Truncate(24*time.Hour)]++
	}
}

// aged checks the rules about the age of a credential.
func (p *pass) aged(k *tokens.Kind, c *tokens.Credential) {
	if c.Created.IsZero() {
		return
	}
	age := p.now.Sub(c.Created)
	if age > p.Settings.OldToken.Duration {
		p.about("old-token", c, "it was made "+inDays(age)+" ago: the older a secret is, the more people and files may have it", p.fix("blacklist", c.ID))
	}
	if age >= p.Settings.NeverUsed.Duration && k.NeverUsed != nil && k.NeverUsed(p.env, c) {
		p.about("never-used", c, "it has not been used since it was made, "+inDays(age)+" ago: nobody seems to need it", p.fix("blacklist", c.ID))
	}
}

func (p *pass) longLived(k *tokens.Kind, c *tokens.Credential) {
	message := ""
	switch {
	case k.Ends == nil || c.EndUnknown():
	case c.Expires.IsZero():
		message = "it never expires, and " + k.Title + " can"
	default:
		from := c.Created
		if from.IsZero() {
			from = p.now // the credential exists at least from now on
		}
		if lifetime := c.Expires.Sub(from); lifetime > p.Settings.LongLife.Duration {
			// A Duration holds at most 292 years, and a date may be later.
			message = "it lives " + number(int((c.Expires.UnixMicro()-from.UnixMicro())/(24*time.Hour).Microseconds()), "day", "days")
		}
	}
	if message == "" {
		return
	}
	verb := "rotate"
	if k.Can("expire") {
		verb = "expire"
	}
	p.about("long-life", c, message+": a stolen secret works as long", p.fix(verb, c.ID, "--ttl", "90d"))
}

func (p *pass) dormant(k *tokens.Kind, c *tokens.Credential) {
	if p.rules["dormant-owner"] == nil || !p.kinds[k].logins {
		return
	}
	u, limit := &c.Owner, p.Settings.DormantOwner.Duration
	message := ""
	if u.LastLogin.IsZero() {
		if age := p.now.Sub(u.DateJoined); !u.DateJoined.IsZero() && age > limit {
			message = "its owner has never logged in since the account was made, " + inDays(age) + " ago"
		}
	} else if away := p.now.Sub(u.LastLogin); away > limit {
		message = "its owner has not logged in for " + inDays(away)
	}
	if message == "" {
		return
	}
	fix := p.fix("blacklist", c.ID)
	if p.kinds[k].isUser && p.layout.Deactivatable(p.layout.User) == nil {
		fix = p.fix("user deactivate " + tokens.UserArgument(p.layout.User, u, ""))
	}
	p.about("dormant-owner", c, message+": the account may be abandoned", fix)
}

// holds counts a live credential for its owner.
func (p *pass) holds(k *tokens.Kind, u *db.User) {
	if p.rules["many-tokens"] == nil || p.kinds[k].held == nil {
		return
	}
	s := p.kinds[k]
	if s.candidates != nil && !s.candidates[u.ID] {
		return
	}
	hash := maphash.String(p.seed, u.ID)
	if s.held[hash]++; s.held[hash] == p.Settings.ManyTokens+1 {
		s.many[hash] = user{strings.Clone(u.ID), strings.Clone(u.Username)}
	}
}

// ownerless reports a row whose user does not exist.
func (p *pass) ownerless(c *tokens.Credential) {
	message := "its user does not exist: nobody is responsible for it"
	if c.Status == tokens.Blacklisted {
		message = "it is blacklisted, and neither its row nor its text names a user who exists"
	}
	p.about("ownerless", c, message, p.fix("purge --orphans --kind "+c.Kind))
}

// about reports a finding about a credential.
func (p *pass) about(id string, c *tokens.Credential, message, fix string) {
	rule := p.rules[id]
	if rule != nil && p.find(Finding{Rule: rule, Kind: c.Kind, ID: c.ID, User: c.Owner.Username, UserID: c.Owner.ID, Message: message, Fix: fix}) && p.Mends != nil {
		p.Mends(rule, c)
	}
}

// mends calls Mends with a credential, for a rule that reports only a number.
func (p *pass) mends(id string, c *tokens.Credential) {
	rule := p.rules[id]
	if rule != nil && p.Mends != nil && !p.ignores.match(&Finding{Rule: rule, ID: c.ID, User: c.Owner.Username, UserID: c.Owner.ID, Subject: c.Kind}) {
		p.Mends(rule, c)
	}
}
