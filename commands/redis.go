package commands

import (
	"sync"

	"tokenctl"
	"tokenctl/cache"
	"tokenctl/tokens"
)

// redisSource is the place where the settings name a Redis, with the codes of its errors.
type redisSource struct {
	url          string // from the settings
	setting      string // the name of the setting, such as "denylist.url"
	urlVariable  string // the environment variable that goes before the setting; empty: there is none
	password     string // the environment variable with the password
	passwordFile string

	unreachable, denied tokenctl.Code
}

// denylistSource returns the source of the denylist's Redis.
func (a *App) denylistSource() redisSource {
	s := a.settings.Denylist
	return redisSource{url: s.URL, setting: "denylist.url", urlVariable: "TOKENCTL_DENYLIST_URL", password: "TOKENCTL_DENYLIST_PASSWORD", passwordFile: s.PasswordFile,
		unreachable: tokenctl.CodeDenylistUnreachable, denied: tokenctl.CodeDenylistDenied}
}

// address returns the URL and its source. The environment variable goes before the setting. The URL is empty
// if neither has one.
func (r redisSource) address(a *App) (url, source string) {
	if r.urlVariable != "" {
		if text := a.Getenv(r.urlVariable); text != "" {
			return text, r.urlVariable
		}
	}
	return r.url, r.setting
}

// secret returns the password that is configured beside the URL. The password is zero if there is none.
func (r redisSource) secret(a *App) (tokenctl.Secret, error) {
	if text := a.Getenv(r.password); text != "" {
		return tokenctl.NewSecret(text), nil
	}
	if r.passwordFile == "" {
		return tokenctl.Secret{}, nil
	}
	return a.secretFile("password file", r.passwordFile)
}

// open returns a function that makes the client of the server. Only the first call of the function reads the
// password. Later calls return the same result.
func (r redisSource) open(a *App) func() (*cache.Client, error) {
	return sync.OnceValues(func() (*cache.Client, error) {
		password, err := r.secret(a)
		if err != nil {
			return nil, err
		}
		url, source := r.address(a)
		return cache.Open(cache.Access{URL: tokenctl.NewSecret(url), Source: source, Password: password, Timeout: a.global.timeout,
			Unreachable: r.unreachable, Denied: r.denied})
	})
}

// denylist returns the configured denylist and sends no request to it. It returns nil if no denylist is
// configured.
func (a *App) denylist() *tokens.Denylist {
	source := a.denylistSource()
	if url, _ := source.address(a); url == "" {
		return nil
	}
	s := a.settings.Denylist.WithDefaults()
	d := &tokens.Denylist{Denylist: cache.Denylist{Prefix: s.Prefix, Client: source.open(a)}, Keep: s.Keep.Duration, Now: a.Now}
	if a.mutating {
		d.Announce = func(text string) {
			a.outcome.outside = append(a.outcome.outside, text)
			a.publishOutcome(false)
		}
	}
	return d
}
