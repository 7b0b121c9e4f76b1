package commands

import (
	"tokenctl/db"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// open decides which database is meant, and prepares it for the command. It does not connect.
func (a *App) open() (*db.Store, error) {
	t, err := a.resolveTarget()
	if err != nil {
		return nil, err
	}
	return a.openTarget(t)
}

// openTarget prepares a database with the settings and flags, the journal and the protection of this run.
func (a *App) openTarget(t engine.Target) (*db.Store, error) {
	if t.Engine == engine.SQLite && a.global.schema != "" {
		return nil, errNoSchemas
	}
	if severalSchemas(a.global.schema) {
		return nil, usage("this command takes one schema, and "+a.global.schema+" may be several", "name one with --schema")
	}
	if err := a.settings.Apply(a.settingsOverride); err != nil {
		return nil, err
	}
	a.explain("database %s, from %s", t, a.databaseSource)
	if a.ignoredPassfile = t.Ignored; a.ignoredPassfile != "" {
		a.say("warning: %s: it is ignored, as PostgreSQL's own programs do", a.ignoredPassfile)
	}
	zone, err := django.NewZone(a.settings.Time)
	if err != nil {
		return nil, err
	}
	o := db.Options{Schema: a.global.schema, Timeout: a.global.timeout, Version: buildInfo().version, Now: a.Now,
		UserTable: a.settings.Auth.UserTable, UsernameField: a.settings.Auth.UsernameField, TokenTable: a.settings.Knox.TokenTable,
		AuthTokenTable: a.settings.DRF.TokenTable, SessionTable: a.settings.Session.SessionTable, Zone: zone, Connections: a.connections,
		Warn: func(text string) { a.say("warning: %s", text) }}
	if a.mutating {
		o.Phase = a.followTransaction
	}
	if a.mutating || a.requests {
		if err := a.findProtection(t); err != nil {
			return nil, err
		}
		o.Allow = a.allowed
	}
	if err := a.openJournal(&o); err != nil {
		return nil, err
	}
	store, err := db.Open(t, o)
	if err != nil {
		return nil, err
	}
	a.store = store
	return store, nil
}
