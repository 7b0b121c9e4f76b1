package commands

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/server"
)

// setClock replaces the clock by --clock.
func (o *serveOptions) setClock() error {
	switch {
	case o.clock == "" && o.scratch:
		return usage("--scratch is for --clock", "leave it out")
	case o.clock == "":
		return nil
	}
	now, err := parseClock(o.clock, o.app.Now)
	if err != nil {
		return err
	}
	o.app.Now = now
	o.readOnly = o.readOnly || !o.scratch
	return nil
}

// parseClock is a clock that is ahead of another, behind it, or stands.
func parseClock(text string, real tokenctl.Clock) (tokenctl.Clock, error) {
	if sign := text[0]; sign == '+' || sign == '-' {
		shift, err := tokenctl.ParseDuration(text[1:])
		if err != nil {
			return nil, usage("--clock "+text+": "+err.Error(), "write --clock +2h or --clock -30m")
		}
		if sign == '-' {
			shift = -shift
		}
		return func() time.Time { return real().Add(shift) }, nil
	}
	fixed, err := dateValue{text}.resolve("clock", time.Time{}, false)
	if err != nil {
		return nil, usage("--clock takes a shift or a time", "write --clock +2h or --clock 2026-11-22T15:04:05Z")
	}
	return func() time.Time { return fixed }, nil
}

// setPeers puts --compat over [peers].
func (o *serveOptions) setPeers() error {
	const hint = "write --compat simplejwt=5.2,drf=3.14"
	for _, text := range o.compat {
		name, version, _ := strings.Cut(text, "=")
		if !slices.Contains(tokenctl.PeerNames, name) {
			return usage("--compat knows "+strings.Join(tokenctl.PeerNames, ", "), hint)
		}
		taken, note, err := tokenctl.CheckPeer(name, tokenctl.Version(version))
		if err != nil {
			return usage("--compat: "+err.Error(), hint)
		}
		if note != "" {
			o.app.say("note: %s", note)
		}
		o.app.settings.Peers.Set(name, taken)
	}
	return nil
}

// faults are the failures that the flags ask for.
func (o *serveOptions) faults() (server.Faults, error) {
	f := server.Faults{Delay: o.delay, Rate: o.failRate, Paths: map[string]int{}}
	if o.app.connections < 1 {
		return f, usage("--max-connections is 1 or more", "leave it out for 10")
	}
	if !(0 <= o.failRate && o.failRate <= 1) {
		return f, usage("--fail-rate lies between 0 and 1", "write --fail-rate 0.1")
	}
	for _, text := range o.fail {
		path, number, _ := strings.Cut(text, "=")
		status, err := strconv.Atoi(number)
		if err != nil || status < 400 || status > 599 || !strings.HasPrefix(path, "/") {
			return f, usage("--fail takes a path and a status from 400 to 599", "write --fail /api/token/=503")
		}
		f.Paths[path] = status
	}
	return f, nil
}

// introspectionClients are the clients that may introspect besides staff.
func (a *App) introspectionClients() ([]server.Client, error) {
	s := a.settings.Server
	if s.IntrospectionClientID == "" {
		return nil, nil
	}
	secret, err := a.secretFile("secret file", s.IntrospectionClientSecretFile)
	return []server.Client{{ID: s.IntrospectionClientID, Secret: secret}}, err
}
