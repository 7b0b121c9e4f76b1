package commands

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/server"
)

type serveOptions struct {
	app          *App
	listen       string
	allowedHosts []string
	plainHTTP    bool
	tls          tlsOptions

	corsOrigins     []string
	corsCredentials bool
	throttles       []string
	sessionLogin    bool
	claims          []string
	compat          []string

	readOnly  bool
	writes    bool
	clock     string
	scratch   bool
	delay     time.Duration
	failRate  float64
	fail      []string
	logFormat string

	database string // which it is, for people
}

var serveColumns = []output.Column{{Name: "url"}, {Name: "address"}, {Name: "database"}, {Name: "read_only"}}

func newServe(a *App) *cobra.Command {
	o := &serveOptions{app: a}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run a local test server that answers like the Django stack",
		Long: `Answer HTTP requests on the application's database as Django REST Framework,
simplejwt, knox and dj-rest-auth would: the same status, body and headers. What
is logged in and out here is so in the application too.

One line on stdout, the URL, tells that it is ready; every request is a line on
stderr: short at a terminal, else JSON. SIGINT and SIGTERM end it, with status 0, once
the requests that have arrived whole are answered. At a terminal it lists the paths,
as README.md does.`,
		Example: `  tokenctl serve
  tokenctl serve --read-only --cors-origin http://localhost:8001
  tokenctl serve --listen 127.0.0.1:0 -o json --compat simplejwt=5.2,drf=3.14
  tokenctl serve --clock +2h --fail /api/token/refresh/=503`,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	f := c.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8000", "`ADDRESS` to listen on; port 0 is any that is free")
	repeatedVar(f, &o.allowedHosts, "allowed-host", "`NAME` that the Host header may have besides localhost's; may be repeated")
	f.BoolVar(&o.plainHTTP, "plain-http", false, "listen without TLS where other machines can hear it")
	f.StringVar(&o.tls.cert, "tls-cert", "", "certificate `FILE` in PEM, with its chain")
	f.StringVar(&o.tls.key, "tls-key", "", "`FILE` of the certificate's private key in PEM")
	f.BoolVar(&o.tls.selfSigned, "tls-self-signed", false, "make a certificate in memory")
	repeatedVar(f, &o.corsOrigins, "cors-origin", "`ORIGIN` whose pages may read answers, or *; may be repeated")
	f.BoolVar(&o.corsCredentials, "cors-credentials", false, "let these pages send cookies")
	repeatedVar(f, &o.throttles, "throttle", "limit requests: anon=5/min, user= or login=`RATE`; may be repeated")
	f.BoolVar(&o.sessionLogin, "session-login", true, "dj-rest-auth also logs in to a session: SESSION_LOGIN")
	repeatedVar(f, &o.claims, "claim", "custom claim `NAME=JSON` of the JWTs that are obtained; may be repeated")
	listVar(f, &o.compat, "compat", "answer as these `VERSIONS` of django, drf, simplejwt, pyjwt, knox or corsheaders do: simplejwt=5.2,drf=3.14")
	f.BoolVar(&o.readOnly, "read-only", false, "write no row: what would have to is answered 503")
	f.BoolVar(&a.journalRequests, "journal", false, "record in the journal what requests change")
	f.BoolVar(&o.writes, "allow-writes", false, "let requests change rows of a database that a context protects")
	f.StringVar(&o.clock, "clock", "", "`TIME` to go by: +2h, -30m or 2026-11-22T15:04:05Z; read-only without --scratch")
	f.BoolVar(&o.scratch, "scratch", false, "write by that clock; only in a database that tokenctl init made")
	pauseVar(f, &o.delay, "delay", "wait for a `TIME` before every answer")
	f.Float64Var(&o.failRate, "fail-rate", 0, "`SHARE` of the requests that fail with 503: 0.1")
	repeatedVar(f, &o.fail, "fail", "answer `PATH=STATUS`: /api/token/=503; may be repeated")
	f.StringVar(&o.logFormat, "log-format", "", "`FORMAT` of the log: short, logfmt or json (default short at a terminal, else json)")
	f.IntVar(&a.connections, "max-connections", 10, "at most `N` connections to the database")
	settingFlags(f, &a.settingsOverride)
	must(c.RegisterFlagCompletionFunc("log-format", cobra.FixedCompletions(logFormats, cobra.ShellCompDirectiveNoFileComp)))
	must(c.RegisterFlagCompletionFunc("throttle", cobra.FixedCompletions([]string{"anon=", "user=", "login="}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace)))
	return c
}

func (o *serveOptions) run(ctx context.Context) error {
	config, err := o.config()
	if err != nil {
		return err
	}
	secure, err := o.tls.config(o.listen, o.allowedHosts)
	if err != nil {
		return err
	}
	if host, _, err := net.SplitHostPort(o.listen); err != nil {
		return usage("--listen takes an address and a port", "write --listen 127.0.0.1:8000")
	} else if !loopback(host) && secure == nil && !o.plainHTTP {
		return usage("--listen "+o.listen+" is heard by other machines, and passwords and tokens would cross the network in clear",
			"add --tls-self-signed, or --tls-cert and --tls-key; --plain-http does without")
	}
	if err := o.setClock(); err != nil {
		return err
	}
	store, err := o.open(ctx)
	if err != nil {
		return err
	}
	if err := o.setPeers(); err != nil {
		return err
	}
	if config.Clients, err = o.app.introspectionClients(); err != nil {
		return err
	}
	if config.Passwords, err = o.app.passwordChecks(); err != nil {
		return err
	}
	config.Store, config.Env, config.Now, config.ReadOnly = store, o.app.env(), o.app.Now, o.readOnly
	handler, err := server.New(ctx, config)
	if err != nil {
		return err
	}
	layout, err := store.Layout(ctx)
	if err != nil {
		return err
	}
	o.app.tellChecks(config.Passwords, layout, nil)
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return &tokenctl.Error{Code: tokenctl.CodeFailed, Message: "cannot listen on " + o.listen + ": " + tokenctl.Reason(err), Hint: "choose another --listen; port 0 is any that is free"}
	}
	return o.serve(ctx, listener, handler, secure)
}

// loopback reports whether nobody else can hear an address. No name at all is
// every interface.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// serve answers requests until ctx ends, and then those that are whole.
func (o *serveOptions) serve(ctx context.Context, listener net.Listener, handler *server.Server, secure *tls.Config) error {
	a, s := o.app, handler.HTTP()
	scheme := "http"
	if s.TLSConfig = secure; secure != nil {
		scheme = "https"
	}
	address := listener.Addr().String()
	if err := o.ready(scheme+"://"+address, address, handler); err != nil {
		listener.Close() //nolint:errcheck // nobody knows of it
		return err
	}
	a.serving.Store(true)
	ended := make(chan error, 1)
	go func() {
		if secure != nil {
			ended <- s.ServeTLS(listener, "", "")
		} else {
			ended <- s.Serve(listener)
		}
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	a.say("finishing the requests that have begun; interrupt again to end at once")
	listener.Close() //nolint:errcheck // it was open
	<-ended
	handler.Finish(s)
	// A signal is how a server ends.
	if cause := context.Cause(ctx); !errors.As(cause, new(interrupted)) {
		return cause
	}
	return nil
}

// ready tells on stdout that requests are answered, and where.
func (o *serveOptions) ready(url, address string, handler *server.Server) error {
	a := o.app
	if a.Term.Stderr {
		a.tellPaths(handler.Paths())
	}
	a.say("test server on %s", o.database)
	if !handler.HasKey {
		a.say("note: no SECRET_KEY is configured, so there are no sessions, and no JWTs that it signs; TOKENCTL_SECRET_KEY or secret_key_file gives it")
	}
	if o.readOnly {
		a.say("read-only: no row is written")
	} else if a.Term.Stderr {
		a.say("what requests change is changed in this database")
	}
	if a.Term.Stderr {
		a.say("Ctrl-C ends the server")
	}
	if a.asked() {
		if a.global.output == "json" {
			a.global.output = "ndjson" // the same value, on the one line for which a script waits
		}
		row := []output.Value{output.String(url), output.String(address), output.String(o.database), output.Bool(o.readOnly)}
		return a.write(serveColumns, [][]output.Value{row}, true)
	}
	_, err := fmt.Fprintln(a.Stdout, url)
	return err
}

// config is what the flags say of the server.
func (o *serveOptions) config() (server.Config, error) {
	c := server.Config{AllowedHosts: o.allowedHosts, SessionLogin: o.sessionLogin,
		CORS: server.CORS{Origins: o.corsOrigins, Credentials: o.corsCredentials}}
	for _, origin := range o.corsOrigins {
		if !server.CheckOrigin(origin) {
			return c, usage("--cors-origin takes a scheme, a host and perhaps a port, and nothing behind them", "write --cors-origin http://localhost:8001")
		}
	}
	throttles := map[string]**server.Rate{"anon": &c.Throttles.Anon, "user": &c.Throttles.User, "login": &c.Throttles.Login}
	for _, text := range o.throttles {
		scope, rate, _ := strings.Cut(text, "=")
		parsed, err := server.ParseRate(rate)
		if err != nil {
			return c, usage("--throttle: "+err.Error(), "write --throttle anon=5/min")
		}
		if throttles[scope] == nil {
			return c, usage("--throttle limits anon, user or login", "write --throttle login=5/min")
		}
		*throttles[scope] = &parsed
	}
	var err error
	if c.Claims, err = parseClaims(o.claims); err != nil {
		return c, err
	}
	if c.Log, err = o.logger(); err != nil {
		return c, err
	}
	c.Faults, err = o.faults()
	return c, err
}

// open prepares the database. A clock that is not the real one would make the
// server delete rows that live, so only a database that nobody uses is written
// by it.
func (o *serveOptions) open(ctx context.Context) (*db.Store, error) {
	t, err := o.app.resolveTarget()
	if err != nil {
		return nil, err
	}
	o.database = t.String()
	o.app.requests = !o.readOnly
	store, err := o.app.openTarget(t)
	if err == nil && o.app.protected != "" {
		if o.app.agreed = o.writes; !o.writes && o.app.interactive() {
			err = o.app.askName(ctx, "Let requests change rows in "+o.database+"?")
			o.app.agreed = err == nil
		} else if !o.writes {
			err = &tokenctl.Error{Code: tokenctl.CodeConfirmation, Message: o.database + " is protected by the context " + o.app.protected + ", and requests would change its rows",
				Hint: "add --read-only, or --allow-writes"}
		}
	}
	if err != nil || o.clock == "" || !o.scratch {
		return store, err
	}
	untouched, err := db.Read(ctx, store, func(tx *db.Tx) (bool, error) { return tx.Untouched(ctx) })
	if err == nil && !untouched {
		err = usage("--scratch: this database was not made by tokenctl init, or an application has migrated it since: by another clock, rows that live would be deleted",
			"make one with tokenctl init, or leave out --scratch to serve read-only")
	}
	return store, err
}
