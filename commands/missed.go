package commands

import (
	"errors"
	"strconv"
	"strings"
	"sync"

	"tokenctl"
)

// missed holds the errors of reads and requests after which a command went on.
type missed struct {
	mutex sync.Mutex
	told  map[string]bool
	texts []string // the first mostTold of them
	n     int
	hint  string
}

// mostRemembered is the largest number of errors that are compared. The comparison counts an error once if a
// second look finds it again.
const mostRemembered = 100_000

func (m *missed) add(err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	text := err.Error()
	if m.told[text] {
		return
	}
	if m.told == nil {
		m.told = map[string]bool{}
	}
	if len(m.told) < mostRemembered {
		m.told[text] = true
	}
	if m.n++; len(m.texts) < mostTold {
		m.texts = append(m.texts, text)
	}
	var e *tokenctl.Error
	if errors.As(err, &e) && m.hint == "" {
		m.hint = e.Hint
	}
}

// withMissed returns the error of a command that could not read or ask everything. err is the command's own
// error. If err is not nil, it remains the result.
func (a *App) withMissed(err error) error {
	m := &a.missed
	if m.n == 0 {
		return err
	}
	text := strings.Join(m.texts, "; ")
	if more := m.n - len(m.texts); more > 0 {
		text += "; and " + strconv.Itoa(more) + " more"
	}
	switch {
	case err == nil:
		return &tokenctl.Error{Code: tokenctl.CodePartlyDone, Message: "not everything could be read or done: " + text, Hint: m.hint}
	case errors.Is(err, errNo) || tokenctl.CodeOf(err) == tokenctl.CodePartlyDone:
		a.say("note: not everything could be read or done: %s", text)
	}
	return err
}
