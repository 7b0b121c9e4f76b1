package commands

import (
	"sync"

	"tokenctl/tokens"
)

// env is what the kinds of package tokens need besides the database. Key files are read when a kind first asks for a
// key: most commands need none.
func (a *App) env() tokens.Env {
	if a.tokensEnv == nil {
		a.tokensEnv = &tokens.Env{Settings: a.settings, Random: a.Random, Unverified: a.unverified, Forces: a.forces, KeepGoing: a.keepGoing, Missed: a.missed.add, Denylist: a.denylist(),
			Cache: sync.OnceValues(a.sessionCache), Keys: sync.OnceValues(a.secretKeys), JWT: sync.OnceValues(a.jwtBackend)}
	}
	return *a.tokensEnv
}
