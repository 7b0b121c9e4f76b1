package commands

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tokenctl"
	"tokenctl/output"
	"tokenctl/tokens"
)

// probe asks the application itself over HTTP whether it accepts the secret, before the change
// and after it. The request carries a live secret: it goes over TLS, or does not leave the
// machine, and to no other place than the URL.
type probe struct {
	url    *url.URL
	client *http.Client
	header [2]string // the header with the secret: name and value

	before, after int // the HTTP statuses; 0: nobody asked
}

// newProbe checks the URL of --probe.
func newProbe(text string) (*probe, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, usage("--probe takes the URL of a view that needs a login", "write --probe https://HOST/PATH")
	}
	p := &probe{url: u, client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	switch u.Scheme {
	case "https":
	case "http":
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, usage("--probe sends a live secret: over http only to this machine", "write --probe https://HOST/PATH")
		}
		p.client.Transport = &http.Transport{DialContext: dialLoopback}
	default:
		return nil, usage("--probe takes an https URL, or an http URL of this machine", "write --probe https://HOST/PATH")
	}
	return p, nil
}

// dialLoopback connects to this machine only, whatever the name localhost stands for.
func dialLoopback(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		conn.Close() //nolint:errcheck // nothing was sent
		return nil, errors.New("it is not this machine")
	}
	return conn, nil
}

// carries makes the header with the secret that leaked.
func (p *probe) carries(s *tokenctl.Settings, c *tokens.Credential, given tokenctl.Secret) error {
	secret := given
	if secret.IsZero() {
		secret = c.Secret()
	}
	k := c.Of()
	switch {
	case secret.IsZero():
		return usage("--probe sends the secret, and the database has only a digest of it", "give the secret with - or --token-file")
	case k.AuthType != nil && k.AuthType(s, c) == "":
		return usage("--probe cannot send "+c.ID+": the application takes it in no header", "leave out --probe")
	}
	name, value, _ := strings.Cut(k.Header(s, secret), ": ")
	p.header = [2]string{name, value}
	return nil
}

// ask sends the secret and returns the status of the answer.
func (p *probe) ask(ctx context.Context, a *App) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, a.global.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url.String(), nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set(p.header[0], p.header[1])
	answer, err := p.client.Do(r)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err
		}
		return 0, err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20))
	return answer.StatusCode, errors.Join(err, answer.Body.Close())
}

// probeFirst asks the application before the change. A URL that does not accept a live secret proves nothing later.
func (n *incident) probeFirst(ctx context.Context) (err error) {
	p := n.probe
	if p == nil {
		return nil
	}
	c := n.leaked[0]
	if err := p.carries(n.app.settings, c, n.given); err != nil {
		return err
	}
	if p.before, err = p.ask(ctx, n.app); err != nil {
		return &tokenctl.Error{Code: tokenctl.CodeFailed, Message: "cannot ask " + p.url.Host + ": " + err.Error(), Hint: "correct --probe, or leave it out"}
	}
	if accepted := p.before >= 200 && p.before < 300; refusal(c) == "" && !accepted {
		return &tokenctl.Error{Code: tokenctl.CodeFailed, Message: p.url.Host + " answers the live secret with the status " + strconv.Itoa(p.before) + ": a refusal later would prove nothing",
			Hint: "name a view that the secret opens; redirects are not followed"}
	}
	return nil
}

// probeAgain asks the application after the change.
func (n *incident) probeAgain(ctx context.Context) (err error) {
	if n.probe != nil {
		n.probe.after, err = n.probe.ask(ctx, n.app)
	}
	if err != nil {
		err = &tokenctl.Error{Code: tokenctl.CodeFailed, Message: "cannot ask " + n.probe.url.Host + " again: " + err.Error(), Hint: "what was ended is dead in the database"}
	}
	return err
}

// refused reports whether the application refuses the secret now. A view may send somebody who
// is not logged in elsewhere.
func (p *probe) refused() bool {
	return p.after == http.StatusUnauthorized || p.after == http.StatusForbidden || p.after >= 300 && p.after < 400
}

// value is the probe in the proof.
func (p probe) value() output.Value {
	return output.Object([]string{"before", "after"}, []output.Value{positive(p.before), positive(p.after)})
}
