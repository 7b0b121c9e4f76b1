// Package audit finds faults in the stock of credentials of an application.
//
// Its rules are a closed list (this file). One pass over the lists of package tokens decides the rules about
// credentials (credentials.go). The rules about users (users.go), keys (keys.go), texts (texts.go) and the
// database (database.go) read other data. Each finding names its object, why the fault matters, and the
// command that mends it. A finding never has a secret. Baselines are in baseline.go, and ignored findings are
// in ignore.go.
package audit

import (
	"slices"
	"strings"
)

// Severity is the importance of a finding.
type Severity int

// The severities, the least first.
const (
	Low Severity = iota + 1
	Medium
	High
	Critical
)

func (s Severity) String() string {
	return [...]string{"", "low", "medium", "high", "critical"}[s]
}

// Severities returns the names of all severities, the greatest first.
func Severities() []string { return []string{"critical", "high", "medium", "low"} }

// SeverityNamed returns the severity with a name. It returns zero if there is none.
func SeverityNamed(name string) Severity {
	return Severity(4-slices.Index(Severities(), name)) % 5
}

// about is the subject of a rule.
type about int

const (
	credentials about = iota // credentials: selectors narrow them
	users                    // users: selectors of owners narrow them
	others                   // keys, texts, the connection, the schema
)

// Rule is one fault that audit looks for. Its ID and Severity are frozen.
type Rule struct {
	ID       string
	Severity Severity
	Fires    string // the fault, in words for people
	Mend     Mend   // the action of --fix
	ByHand   string // the advice if there is no Mend
	about    about
}

// Mend is the way in which --fix mends the findings of a rule.
type Mend int

// The ways to mend.
const (
	None Mend = iota // by hand
	Blacklist
	Deactivate
	Purge
	PurgeOrphans
	RedactLog
	RedactTokens
)

// rules has all rules, the most severe first.
var rules = []*Rule{
	{ID: "weak-key", Severity: Critical, Fires: "a drf key or session key that was not drawn at random: patterns, words, or a form that neither the peer nor a tenth of the keys has", ByHand: "replace each key, as the finding's fix says: tokenctl rotate ID"},
	{ID: "known-password", Severity: Critical, about: users, Fires: "an account whose password is in the file of --check-passwords", ByHand: "set other passwords: tokenctl user password NAME"},
	{ID: "weak-signing-key", Severity: Critical, about: others, Fires: "a SECRET_KEY or signing key that is short, easy to guess, made for development, or shorter than its hash", ByHand: "change the key in the application's settings, with the old one in SECRET_KEY_FALLBACKS as long as sessions live; then correct tokenctl.toml"},
	{ID: "duplicate-username", Severity: Critical, about: users, Fires: "a user name that several users have", ByHand: "rename or delete users in the application, then add the unique constraint that tokenctl doctor names"},
	{ID: "clear-admin-log", Severity: High, about: others, Fires: "live drf keys in Django's admin log", Mend: RedactLog},
	{ID: "clear-elsewhere", Severity: High, about: others, Fires: "live secrets in any other column of text", ByHand: "replace each secret, then remove the old one from the row that the finding names: tokenctl rotate ID"},
	{ID: "weak-hash", Severity: High, about: users, Fires: "password hashes without a salt, by MD5 or SHA-1, or with under half of the iterations that the application makes now", ByHand: "Django makes a new hash when the user logs in; or set another password: tokenctl user password NAME"},
	{ID: "no-tls", Severity: High, about: others, Fires: "a connection to another host without TLS, or without verifying it", ByHand: "add sslmode=verify-full to the database URL, or set PGSSLMODE"},
	{ID: "privileged-token", Severity: High, Fires: "live credentials of superusers", Mend: Blacklist},
	{ID: "no-second-factor", Severity: High, about: users, Fires: "staff and superusers with a usable password and no second factor", ByHand: "let them set up a second factor in the application"},
	{ID: "inactive-owner", Severity: Medium, Fires: "live rows whose owner is inactive", Mend: Blacklist},
	{ID: "dormant-owner", Severity: Medium, Fires: "live rows whose owner has not logged in for 180 days", Mend: Deactivate},
	{ID: "old-token", Severity: Medium, Fires: "live credentials that were made more than 365 days ago", Mend: Blacklist},
	{ID: "long-life", Severity: Medium, Fires: "live credentials that live more than 365 days, or never expire although their kind can", ByHand: "shorten each life: tokenctl expire ID --ttl 90d, and for JWTs tokenctl rotate ID --ttl 90d"},
	{ID: "never-used", Severity: Medium, Fires: "live credentials that were not used since they were made, 90 days ago or more, as their rows prove", ByHand: "look at them with tokenctl show, and blacklist what nobody needs: tokenctl blacklist ID"},
	{ID: "ownerless", Severity: Medium, Fires: "rows whose user does not exist, and rows of the blacklist about tokens of nobody", Mend: PurgeOrphans},
	{ID: "too-privileged-role", Severity: Medium, about: others, Fires: "a database role that can do what tokenctl does not need", ByHand: "connect as a role that may only read and write the rows of Django's tables"},
	{ID: "clock-skew", Severity: Medium, about: others, Fires: "a database clock that differs from this machine's by more than 5 seconds", ByHand: "let both machines set their clocks by NTP"},
	{ID: "clear-refresh", Severity: Low, Fires: "live refresh tokens that are stored whole", Mend: RedactTokens},
	{ID: "many-tokens", Severity: Low, Fires: "a user with more than 10 live credentials of a kind", ByHand: "blacklist the oldest, as the finding's fix says"},
	{ID: "dead-rows", Severity: Low, Fires: "rows that can never verify again", Mend: Blacklist},
	{ID: "unpurged", Severity: Low, Fires: "expired rows", Mend: Purge},
	{ID: "revivable", Severity: Low, Fires: "blacklisted sliding tokens that simplejwt's purge would bring back", ByHand: "do not run flushexpiredtokens, which deletes what keeps them dead; tokenctl purge keeps it"},
	{ID: "expiry-cliff", Severity: Low, Fires: "a day on which more than a tenth of the live credentials expire, and at least 10", ByHand: "replace some of them earlier: tokenctl rotate ID"},
	{ID: "schema-drift", Severity: Low, about: others, Fires: "constraints and indexes of Django's that are missing, sequences behind their tables, integer keys of which more than 80 % are used", ByHand: "run the statement that the finding names, as the table's owner"},
}

// Rules returns all rules, the most severe first.
func Rules() []*Rule { return slices.Clone(rules) }

// RuleIDs returns the ids of all rules.
func RuleIDs() []string {
	var ids []string
	for _, r := range rules {
		ids = append(ids, r.ID)
	}
	return ids
}

// RuleNamed returns the rule with an id. It returns nil if there is none.
func RuleNamed(id string) *Rule {
	i := slices.IndexFunc(rules, func(r *Rule) bool { return r.ID == id })
	if i < 0 {
		return nil
	}
	return rules[i]
}

// Mendable returns the ids of the rules that --fix mends.
func Mendable() []string {
	var ids []string
	for _, r := range rules {
		if r.Mend != None {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// place returns the place of the rule in the list.
func (r *Rule) place() int { return slices.Index(rules, r) }

// words joins texts with commas.
func words(list []string) string { return strings.Join(list, ", ") }
