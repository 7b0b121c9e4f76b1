package commands

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tokenctl"
	"tokenctl/tokens"
)

const settingsFile = "tokenctl.toml"

// settingsInUse are the settings of a run.
type settingsInUse struct {
	settings         *tokenctl.Settings
	toml             string      // the path of the tokenctl.toml that they are from; empty: none
	settingsOverride []byte      // TOML from flags, which takes precedence over them
	tokensEnv        *tokens.Env // made from them by env; nil until it is needed
}

// loadSettings reads the settings from --config, else from the working
// directory. beside is the folder of the SQLite database in use, once that is
// known; the file there is read when neither of the others is.
func (a *App) loadSettings(beside string) error {
	if a.toml != "" {
		return nil
	}
	path := a.global.config
	if path == "" {
		path = filepath.Join(beside, settingsFile)
	}
	text, err := readPrivate(path)
	// In a folder that may not be entered, such as another user's home, nothing
	// can be meant for this user.
	if _, stat := os.Lstat(path); errors.Is(stat, fs.ErrPermission) {
		err = fs.ErrNotExist
	}
	if errors.Is(err, fs.ErrNotExist) && a.global.config == "" {
		a.settings = new(tokenctl.Settings)
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "there is no " + path, Hint: a.correctConfig()}
	}
	if err != nil {
		return err
	}
	settings, err := tokenctl.ParseSettings([]byte(text))
	if err != nil {
		return prefixed(path+": ", err)
	}
	a.settings, a.toml = settings, path
	// Every release is one, or there had been an error.
	var newer []string
	a.settings.Peers, newer, _ = settings.Peers.Known()
	if newer != nil {
		a.say("note: %s: %s", path, strings.Join(newer, "; "))
	}
	return nil
}

// correctConfig is the hint where the file of settings is not there.
func (a *App) correctConfig() string {
	if a.databaseContext != nil && a.global.config == a.databaseContext.Config {
		return "correct config of the context " + a.databaseContext.name + " in " + a.databaseContextsPath()
	}
	return "correct --config"
}

// settingPath is a path in tokenctl.toml.
func (a *App) settingPath(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(a.toml), path)
}
