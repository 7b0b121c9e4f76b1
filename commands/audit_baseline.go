package commands

import (
	"errors"
	"io/fs"
	"strings"

	"tokenctl"
	"tokenctl/audit"
)

// readBaseline reads the file of --baseline. Without one nothing is known; --update-baseline
// makes a file that is not there.
func (o *auditOptions) readBaseline() (*audit.Baseline, error) {
	if o.baseline == "" {
		return audit.NewBaseline(), nil
	}
	text, err := readRegular(o.baseline, 1<<30, nil)
	if errors.Is(err, fs.ErrNotExist) {
		if o.update {
			return audit.NewBaseline(), nil
		}
		return nil, &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "there is no baseline " + o.baseline, Hint: "make it: tokenctl audit --baseline " + audit.Quote(o.baseline) + " --update-baseline"}
	}
	if err != nil {
		return nil, err
	}
	b, err := audit.ReadBaseline([]byte(text))
	return b, prefixed(o.baseline+": ", err)
}

// writeBaseline replaces the file at once, so that a run that is cut short leaves the old one.
func (o *auditOptions) writeBaseline(b *audit.Baseline) error {
	text, err := b.JSON()
	if err != nil {
		return err
	}
	if err := replacePrivate(o.baseline, string(text)); err != nil {
		return err
	}
	o.app.say("wrote %s: %s", o.baseline, count(b.Len(), "finding"))
	return nil
}

// readPasswords reads the file of --check-passwords, a password a line; nil without one.
func (o *auditOptions) readPasswords() ([]tokenctl.Secret, error) {
	if o.passwords == "" {
		return nil, nil
	}
	text, err := readRegular(o.passwords, 1<<30, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "there is no " + o.passwords, Hint: "--check-passwords takes a file with a password a line"}
	}
	if err != nil {
		return nil, err
	}
	var list []tokenctl.Secret
	seen := map[string]bool{"": true}
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSuffix(line, "\r"); !seen[line] {
			seen[line] = true
			list = append(list, tokenctl.NewSecret(line))
		}
	}
	if list == nil {
		return nil, usage("the file of --check-passwords has no password in it", "write a password a line")
	}
	return list, nil
}
