package django

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"strings"
	"sync"
)

// commonPasswordsGzip holds about 100,000 passwords, lower-cased, one a line. The file's source and
// licence are in common_passwords.md.
//
//go:embed common_passwords.txt.gz
var commonPasswordsGzip []byte

// commonPasswords decompresses the list on first use only: most commands never need it. One text
// searched for whole lines costs less, to build and to keep, than a map of strings.
var commonPasswords = sync.OnceValue(func() string {
	commonPasswordsLoaded = true
	r, err := gzip.NewReader(bytes.NewReader(commonPasswordsGzip))
	if err != nil {
		panic("common_passwords.txt.gz: " + err.Error())
	}
	text, err := io.ReadAll(r)
	if err != nil {
		panic("common_passwords.txt.gz: " + err.Error())
	}
	return "\n" + string(text)
})

// commonPasswordsLoaded is for a test: only a lookup may decompress the list.
var commonPasswordsLoaded bool

// isCommonPassword is CommonPasswordValidator.validate of
// django/contrib/auth/password_validation.py (3.2): password.lower().strip() is in the list.
func isCommonPassword(password string) bool {
	entry := TrimSpace(lower(password))
	if entry == "" || strings.Contains(entry, "\n") {
		return false
	}
	return strings.Contains(commonPasswords(), "\n"+entry+"\n")
}
