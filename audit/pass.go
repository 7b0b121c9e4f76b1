package audit

import (
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// rowRules are the rules that the lists of credentials decide.
var rowRules = []string{"weak-key", "privileged-token", "inactive-owner", "dormant-owner", "old-token", "long-life", "never-used", "ownerless", "clear-refresh", "many-tokens", "dead-rows", "unpurged", "revivable", "expiry-cliff"}

// pass is one pass over the credentials. Its memory grows with the number of days on which credentials expire,
// and, for kinds of which a row may name no user, with the number of users who hold credentials. It does not
// grow with the number of credentials.
type pass struct {
	*run
	layout *db.Layout
	now    time.Time
	rules  map[string]*Rule // the rules to check, by id
	seed   maphash.Seed
	kinds  map[*tokens.Kind]*kindPass
	live   int
	days   map[time.Time]int // live credentials by the UTC day on which they expire
}

// kindPass holds the facts about a kind.
type kindPass struct {
	dead, expired, whole int
	logins               bool            // its owners have a last_login
	isUser               bool            // its owners are the users of AUTH_USER_MODEL
	keys                 *keyCheck       // nil: its keys are not checked
	candidates           map[string]bool // the owners who may have more live credentials than the threshold, by key; nil: all may
	held                 map[uint64]int  // the number of live credentials of an owner, by a hash of the owner's key; nil: an owner has at most one
	many                 map[uint64]user // owners with more live credentials than the threshold
}

// user is a user in a finding.
type user struct{ id, name string }

// credentials checks the rules about credentials.
func (r *run) credentials(layout *db.Layout) error {
	if !r.any(rowRules...) {
		return nil
	}
	p := &pass{run: r, layout: layout, now: r.store.Now(), rules: map[string]*Rule{}, seed: maphash.MakeSeed(), kinds: map[*tokens.Kind]*kindPass{}, days: map[time.Time]int{}}
	for _, id := range rowRules {
		if rule := r.rule(id); rule != nil {
			p.rules[id] = rule
		}
	}
	kinds, err := r.Selector.Chosen(layout)
	if err != nil {
		return err
	}
	for _, k := range kinds {
		if err := p.begin(k); err != nil {
			return err
		}
	}
	// A kind that cannot be read must not hide the others, unless one order or one limit is about all kinds.
	lists := [][]*tokens.Kind{kinds}
	if r.Selector.Sort == "" && r.Selector.Limit == 0 {
		lists = slices.Collect(slices.Chunk(kinds, 1))
	}
	for _, list := range lists {
		if err := p.list(list); err != nil {
			return err
		}
	}
	for _, k := range kinds {
		p.judgeKeys(k)
		p.tellCounts(k)
		p.tellMany(k)
	}
	if drf := p.kinds[tokens.DRF]; drf != nil && drf.keys != nil && drf.keys.whole && !p.Narrowed {
		p.keyForms = drf.keys.keyForms()
	}
	p.tellCliffs()
	return p.lost()
}

// begin prepares the pass for a kind.
func (p *pass) begin(k *tokens.Kind) error {
	s := &kindPass{held: map[uint64]int{}, many: map[uint64]user{}}
	p.kinds[k] = s
	t := p.layout.Credentials(k.Name)
	if c := t.Column("user_id"); c != nil && c.Unique && p.Settings.ManyTokens > 0 {
		s.held = nil // a user has at most one
	}
	owner := t.Owner
	if owner == nil {
		owner = p.layout.User
	}
	s.isUser = owner != nil && p.layout.AuthUsers(owner)
	if s.logins = owner != nil && owner.Column("last_login") != nil; owner != nil && !s.logins {
		p.skip("dormant-owner", k.Title+": "+owner.String()+" has no column last_login")
	}
	if p.rules["many-tokens"] != nil && s.held != nil {
		err := p.readAll(func(tx *db.Tx) (err error) {
			s.candidates, err = tx.OwnersOfMany(p.ctx, k.Name, p.Settings.ManyTokens)
			return err
		})
		if err := p.unless(err, k.Title, "many-tokens"); err != nil {
			return err
		}
	}
	if k.OwnKey == nil || p.rules["weak-key"] == nil {
		return nil
	}
	err := p.readAll(func(tx *db.Tx) error {
		stock, err := tx.KeyStock(p.ctx, k.Name)
		s.keys = newKeyCheck(k, stock)
		return err
	})
	if err != nil {
		s.keys = nil
	}
	return p.unless(err, k.Title, "weak-key")
}

// list reads the credentials of kinds and checks them.
func (p *pass) list(kinds []*tokens.Kind) error {
	titles := tokenctl.Mapped(kinds, func(k *tokens.Kind) string { return k.Title })
	s := p.Selector
	s.Kinds, s.Rights, s.Detailed = kinds, true, p.Mends != nil // a mend shows the owners
	s.AndOrphans = !p.Narrowed && s.Limit == 0 && p.rules["ownerless"] != nil
	if s.AnyOrder = len(kinds) == 1 && kinds[0].OrderOfID && s.Sort == "" && s.Limit == 0 && p.Mends == nil; s.AnyOrder {
		p.result.section(true)
		defer p.result.section(false)
	}
	// One variable for all rows: one for each would be garbage.
	var c tokens.Credential
	var err error
	for c, err = range tokens.List(p.ctx, p.env, p.store, s) {
		if err != nil {
			return p.unless(err, words(titles), rowRules...)
		}
		p.credential(&c)
	}
	for _, k := range kinds {
		if keys := p.kinds[k].keys; keys != nil {
			keys.whole = true
		}
	}
	if p.rules["ownerless"] == nil || s.AndOrphans {
		return nil
	}
	// For these kinds the list has no rows whose user does not exist.
	for _, k := range kinds {
		if k.ListsOrphans {
			continue
		}
		s.Kinds, s.Orphans = []*tokens.Kind{k}, true
		for c, err := range tokens.List(p.ctx, p.env, p.store, s) {
			if err != nil {
				return p.unless(err, k.Title, "ownerless")
			}
			p.ownerless(&c)
		}
	}
	return nil
}

// lost reports the rows of the blacklist whose token does not exist.
func (p *pass) lost() error {
	rule := p.rules["ownerless"]
	if rule == nil || p.Narrowed {
		return nil
	}
	return p.unless(p.readAll(func(tx *db.Tx) error {
		list, err := tx.LostBlacklistings(p.ctx)
		for _, b := range list {
			name := fmt.Sprintf("%s row %d", tx.Layout.Blacklisted(), b.Row)
			p.find(Finding{Rule: rule, Subject: name, Message: fmt.Sprintf("%s refers to the outstanding token %d, which does not exist", name, b.Token), Fix: p.fix("purge --orphans --kind jwt")})
		}
		return err
	}), "the blacklist", "ownerless")
}
