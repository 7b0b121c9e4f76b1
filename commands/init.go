package commands

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/db/engine"
	"tokenctl/output"
)

const secretKeyFile = "secret_key"

func newInit(a *App) *cobra.Command {
	var consent consentFlags
	c := &cobra.Command{
		Use:   "init",
		Short: "Create Django's tables in an empty database",
		Long: `Create the tables of Django's auth, sessions and admin, of DRF's authtoken, of
simplejwt's token_blacklist and of knox in an empty database, as Django 4.2's own
migrations make them, and record those migrations: a Django project can take the
database over, and manage.py migrate has nothing to do.

For SQLite the file is created as well (mode 0600), and beside it tokenctl.toml
and a random secret key, where there are none. A database that has tables is
refused.`,
		Example: `  tokenctl init
  tokenctl init -d sqlite:///tokens.db
  tokenctl init -d postgresql://admin@localhost/tokens --schema app`,
		RunE: func(c *cobra.Command, _ []string) error {
			a.mutating = true
			t, err := a.resolveTarget()
			if err != nil {
				return err
			}
			if err := a.makeTables(c.Context(), t, &consent); err != nil {
				return err
			}
			return a.writeAsked(initColumns, [][]output.Value{{output.String(t.String()), output.String(string(t.Engine))}}, true)
		},
	}
	consent.flags(c)
	return c
}

var initColumns = []output.Column{{Name: "database"}, {Name: "engine"}}

func (a *App) makeTables(ctx context.Context, t engine.Target, consent *consentFlags) error {
	agree := func() error { return consent.obtainNamed(ctx, a, "create", "Django's tables", 0) }
	if t.Engine == engine.SQLite {
		_, err := a.initialise(ctx, t, agree)
		return err
	}
	store, err := a.openTarget(t)
	if err != nil {
		return err
	}
	if err := agree(); err != nil {
		return err
	}
	if err := store.Init(ctx); err != nil {
		return err
	}
	a.say("created Django's tables in %s", t)
	return nil
}

// initialise makes a SQLite database and what belongs beside it. What it made
// goes away again when a later step fails.
func (a *App) initialise(ctx context.Context, t engine.Target, agree func() error) (store *db.Store, err error) {
	var made []string
	var created bool
	defer func() {
		if err != nil {
			for _, path := range made {
				os.Remove(path) //nolint:errcheck // the error that led here is the one to tell
			}
			a.outcome.changed = a.outcome.changed && !created
		}
	}()
	created, err = engine.CreateFile(t)
	if err != nil {
		return nil, err
	}
	if created {
		made = append(made, t.Path)
	}
	dir := filepath.Dir(t.Path)
	store, err = a.openTarget(t)
	if err != nil {
		return nil, err
	}
	if err := agree(); err != nil {
		return nil, err
	}
	if err := store.Init(ctx); err != nil {
		return nil, err
	}
	a.say("created the database %s", t)
	toml := "# Settings of tokenctl; the README lists what can stand here. Paths count from this file.\n" +
		"database = \"sqlite:///" + url.PathEscape(filepath.Base(t.Path)) + "\"\nsecret_key_file = \"" + secretKeyFile + "\"\n"
	key, err := newSecretKey(a.Random)
	if err != nil {
		return nil, err
	}
	files := []struct{ path, text string }{{filepath.Join(dir, secretKeyFile), key + "\n"}, {filepath.Join(dir, settingsFile), toml}}
	if a.toml != "" {
		// The settings in use name their own key, or none.
		files = nil
	}
	for _, f := range files {
		ok, err := createPrivate(f.path, f.text)
		if err != nil {
			return nil, err
		}
		if ok {
			made = append(made, f.path)
			a.say("created %s", f.path)
		}
	}
	return store, nil
}

// createPrivate writes a new file for its owner alone. One that is there
// already is left as it is: ok is false.
func createPrivate(path, text string) (ok bool, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return false, unwritten(path, err)
	}
	return true, nil
}

// newSecretKey is as long and as random as Django's get_random_secret_key
// (django/core/management/utils.py): 50 characters, here of base64url.
func newSecretKey(random io.Reader) (string, error) {
	b := make([]byte, 38)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b)[:50], nil
}
