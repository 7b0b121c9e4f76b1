package commands

import (
	"errors"
	"io/fs"
	"strings"

	"tokenctl"
	"tokenctl/django"
)

// secretKeys returns SECRET_KEY and its fallbacks; none when no key is
// configured.
func (a *App) secretKeys() (django.SecretKeys, error) {
	_, key, err := a.secretKey()
	if err != nil || key.IsZero() {
		return nil, err
	}
	keys := django.SecretKeys{key}
	for _, file := range a.settings.SecretKeyFallbackFiles {
		key, err := a.secretFile("key file", file)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// secretKey returns SECRET_KEY and where it came from.
func (a *App) secretKey() (source string, key tokenctl.Secret, err error) {
	for _, name := range []string{"TOKENCTL_SECRET_KEY", "DJANGO_SECRET_KEY"} {
		if text := a.Getenv(name); text != "" {
			return name, tokenctl.NewSecret(text), nil
		}
	}
	if a.settings.SecretKeyFile == "" {
		return "", tokenctl.Secret{}, nil
	}
	key, err = a.secretFile("key file", a.settings.SecretKeyFile)
	return a.settings.SecretKeyFile, key, err
}

// secretFile returns the secret in a file that tokenctl.toml names.
func (a *App) secretFile(what, path string) (tokenctl.Secret, error) {
	text, err := a.keyFile(what, path, false)
	return tokenctl.NewSecret(strings.TrimRight(text, "\r\n")), err
}

// keyFile reads a file with a key or password that tokenctl.toml names; its path counts from there. A
// public key may be open to others.
func (a *App) keyFile(what, path string, public bool) (string, error) {
	path = a.settingPath(path)
	var text string
	var err error
	if public {
		text, err = readRegular(path, maxSettings, nil)
	} else {
		text, err = readPrivate(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: "there is no " + what + " " + path, Hint: "correct " + a.toml}
	}
	if err != nil {
		return "", err
	}
	invalid := func(fault, hint string) error {
		return &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: "the " + what + " " + path + " " + fault, Hint: hint}
	}
	if strings.TrimSpace(text) == "" {
		return "", invalid("is empty", "write into it what it is for")
	}
	if name := tokenctl.Invisible(strings.NewReplacer("\r", "", "\n", "", "\t", "").Replace(text)); name != "" {
		return "", invalid("has "+name+" in it", "remove it; a SECRET_KEY that really has it can be given in TOKENCTL_SECRET_KEY")
	}
	return text, nil
}

// jwtBackend is simplejwt's TokenBackend as the application configures it.
func (a *App) jwtBackend() (*django.JWTBackend, error) {
	s := a.settings.SimpleJWT
	files := [2][]byte{}
	for i, path := range []string{s.SigningKeyFile, s.VerifyingKeyFile} {
		if path == "" {
			continue
		}
		text, err := a.keyFile("key file", path, i == 1)
		if err != nil {
			return nil, err
		}
		files[i] = []byte(text)
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
