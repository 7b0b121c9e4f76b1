package commands

import (
	"time"

	"tokenctl/tokens"
)

// announcement is what is said about new credentials.
type announcement struct {
	kindCounts
	first    []tokens.Minted // as many as are told of one by one
	disabled int             // how many belong to inactive users
	ends     endings
	keep     bool          // rows for App.record
	rows     []recordedRow // of all new credentials, if keep is set
}

func (n *announcement) add(m *tokens.Minted) {
	n.kindCounts.add(m.Of(), 1)
	n.ends.add(&m.Credential)
	if n.n <= mostTold {
		n.first = append(n.first, *m)
	}
	if n.keep {
		n.rows = append(n.rows, recordedRow{action: "mint", outcome: rowDone, kind: m.Kind, id: m.ID, user: &m.Owner, created: m.Created, expires: m.Expires, replaces: m.Replaces})
	}
	if m.Status == tokens.Disabled {
		n.disabled++
	}
}

// tell says what each credential is, or when all end if they are many.
func (n *announcement) tell(a *App) {
	if n.n <= mostTold {
		for i := range n.first {
			a.announce(&n.first[i])
		}
		return
	}
	a.say("%s: %s", &n.kindCounts, n.ends.text(a))
	if n.disabled > 0 {
		a.say("note: %d of them are of inactive users: they do not work before the users are active again", n.disabled)
	}
}

// announce says on stderr what a new secret is and belongs to.
func (a *App) announce(m *tokens.Minted) {
	text := "minted " + m.ID + " for " + whose(&m.Owner) + ", " + a.ends(&m.Credential)
	switch {
	case m.Access.IsZero():
	case m.Type == "sliding":
		text += "; refresh it before it ends " + a.in(&m.Credential, m.Access)
	default:
		text += "; its access token expires " + a.in(&m.Credential, m.Access)
	}
	if m.Replaces != "" {
		text += "; it replaces " + m.Replaces
		if !m.Until.IsZero() {
			text += ", which works until " + m.Until.UTC().Format(time.RFC3339)
		}
	}
	a.say("%s", text)
	if m.Status == tokens.Disabled {
		a.say("note: %s is inactive: the token does not work before the user is active again", whose(&m.Owner))
	}
}
