package commands

import (
	"tokenctl"
	"tokenctl/cache"
)

// sessionCache opens the cache that holds the application's sessions. It does not connect to the server.
func (a *App) sessionCache() (*cache.Sessions, error) {
	s := a.settings.Session
	password, err := redisSource{password: tokenctl.CachePassword, passwordFile: s.CachePasswordFile}.secret(a)
	if err != nil {
		return nil, err
	}
	sessions, err := cache.NewSessions(cache.Access{URL: tokenctl.NewSecret(string(s.CacheURL)), Source: "session.cache_url in " + a.toml, Password: password,
		Timeout: a.global.timeout, Unreachable: tokenctl.CodeCacheUnreachable, Denied: tokenctl.CodeCacheDenied}, s)
	if err != nil {
		return nil, err
	}
	a.cache = sessions
	return sessions, nil
}
