package commands

import (
	"strings"
	"sync"

	"tokenctl"
	"tokenctl/cache"
	"tokenctl/tokens"
)

// redisSource is where the settings name a Redis, and what its errors are called.
type redisSource struct {
	url          string // of the settings
	setting      string // its name: "denylist.url"
	urlVariable  string // which goes before it; empty: there is none
	password     string // the variable with the password
	passwordFile string

	unreachable, denied tokenctl.Code
}

// denylistSource is the Redis of the denylist.
func (a *App) denylistSource() redisSource {
	s := a.settings.Denylist
	return redisSource{url: s.URL, setting: "denylist.url", urlVariable: "TOKENCTL_DENYLIST_URL", password: "TOKENCTL_DENYLIST_PASSWORD", passwordFile: s.PasswordFile,
		unreachable: tokenctl.CodeDenylistUnreachable, denied: tokenctl.CodeDenylistDenied}
}

// address is the URL that counts, and where it comes from; empty where nothing names one.
func (r redisSource) address(a *App) (url, source string) {
	if r.urlVariable != "" {
		if text := a.Getenv(r.urlVariable); text != "" {
			return text, r.urlVariable
		}
	}
	return r.url, r.setting
}

// secret is the password beside the URL, and where it comes from; zero where there is none.
func (r redisSource) secret(a *App) (password tokenctl.Secret, source string, err error) {
	if text := a.Getenv(r.password); text != "" {
		return tokenctl.NewSecret(text), r.password, nil
	}
	if r.passwordFile == "" {
		return tokenctl.Secret{}, "", nil
	}
	text, err := a.keyFile("password file", r.passwordFile, false)
	return tokenctl.NewSecret(strings.TrimRight(text, "\r\n")), "the file " + r.passwordFile, err
}

// open is a client of the server, which reads the password and connects when it is first used.
func (r redisSource) open(a *App) func() (*cache.Client, error) {
	return sync.OnceValues(func() (*cache.Client, error) {
		password, _, err := r.secret(a)
		if err != nil {
			return nil, err
		}
		url, source := r.address(a)
		return cache.Open(cache.Access{URL: tokenctl.NewSecret(url), Source: source, Password: password, Timeout: a.global.timeout,
			Unreachable: r.unreachable, Denied: r.denied})
	})
}

// denylist is the configured denylist, which is not asked yet; nil where none is configured.
func (a *App) denylist() *tokens.Denylist {
	source := a.denylistSource()
	if url, _ := source.address(a); url == "" {
		return nil
	}
	s := a.settings.Denylist.WithDefaults()
	d := &tokens.Denylist{Denylist: cache.Denylist{Prefix: s.Prefix, Client: source.open(a)}, Keep: s.Keep.Duration, Now: a.Now}
	if a.mutating {
		d.Changing = func(text string) {
			a.outcome.outside = append(a.outcome.outside, text)
			a.learn(false)
		}
	}
	return d
}
