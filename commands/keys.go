package commands

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"tokenctl/django"
	"tokenctl/tokens"
)

// env is what the kinds need besides the database. Key files are read when a
// kind first asks for a key: most commands need none.
func (a *App) env() tokens.Env {
	if a.kinds == nil {
		a.kinds = &tokens.Env{Settings: a.settings, Random: a.Random, Keys: sync.OnceValues(a.secretKeys), JWT: sync.OnceValues(a.jwtBackend)}
	}
	return *a.kinds
}

// secretKeys returns SECRET_KEY and its fallbacks; none when no key is
// configured.
func (a *App) secretKeys() (django.SecretKeys, error) {
	_, key, err := a.secretKey()
	if err != nil || key.IsZero() {
		return nil, err
	}
	keys := django.SecretKeys{key}
	for _, file := range a.settings.SecretKeyFallbackFiles {
		text, err := a.keyFile(file, false)
		if err != nil {
			return nil, err
		}
		keys = append(keys, django.NewSecret(strings.TrimRight(string(text), "\r\n")))
	}
	return keys, nil
}

// secretKey returns SECRET_KEY and where it came from.
func (a *App) secretKey() (source string, key django.Secret, err error) {
	for _, name := range []string{"TOKENCTL_SECRET_KEY", "DJANGO_SECRET_KEY"} {
		if text := a.Getenv(name); text != "" {
			return name, django.NewSecret(text), nil
		}
	}
	if a.settings.SecretKeyFile == "" {
		return "", django.Secret{}, nil
	}
	text, err := a.keyFile(a.settings.SecretKeyFile, false)
	return a.settings.SecretKeyFile, django.NewSecret(strings.TrimRight(string(text), "\r\n")), err
}

// keyFile reads a file that tokenctl.toml names; its path counts from there. A
// public key may be open to others.
func (a *App) keyFile(path string, public bool) ([]byte, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(a.toml), path)
	}
	read := readPrivate
	if public {
		read = os.ReadFile
	}
	text, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &django.Error{Code: django.CodeConfigInvalid, Message: "there is no key file " + path, Hint: "correct " + a.toml}
	}
	if err == nil && strings.TrimSpace(string(text)) == "" {
		err = &django.Error{Code: django.CodeConfigInvalid, Message: "the key file " + path + " is empty", Hint: "write the project's key into it"}
	}
	return text, err
}

// jwtBackend is simplejwt's TokenBackend as the application configures it.
func (a *App) jwtBackend() (*django.JWTBackend, error) {
	s := a.settings.SimpleJWT
	files := [2][]byte{}
	for i, path := range []string{s.SigningKeyFile, s.VerifyingKeyFile} {
		if path == "" {
			continue
		}
		var err error
		if files[i], err = a.keyFile(path, i == 1); err != nil {
			return nil, err
		}
	}
	_, key, err := a.secretKey()
	if err != nil {
		return nil, err
	}
	keys, err := django.NewJWTKeys(s, files[0], files[1], key)
	if err != nil {
		return nil, err
	}
	return django.NewJWTBackend(s, keys, a.settings.Peers.SimpleJWT, a.settings.Peers.PyJWT)
}
