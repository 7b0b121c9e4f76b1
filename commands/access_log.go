package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/scan"
	"tokenctl/tokens"
)

// accessLogs holds the files of --access-log, and the uses of credentials that they tell.
type accessLogs struct {
	paths []string
	log   *scan.AccessLog // nil: there is no --access-log
}

func (l *accessLogs) flag(c *cobra.Command) {
	repeatedVar(c.Flags(), &l.paths, "access-log", "look for the secrets in a log of requests, which may be gzipped: last_used says when; may be repeated: `FILE`")
}

// read reads the logs. It says how many lines have a secret and no time with a zone.
func (l *accessLogs) read(ctx context.Context, a *App, store *db.Store) (err error) {
	if l.paths == nil {
		return nil
	}
	if l.log, err = scan.NewAccessLog(ctx, &scan.Database{Env: a.env(), Store: store}); err != nil {
		return err
	}
	for _, path := range l.paths {
		if err := l.one(ctx, path); err != nil {
			return err
		}
	}
	if n := l.log.Undated; n > 0 {
		a.say("note: lines of the logs with a secret and without a time with a zone: %d", n)
	}
	return nil
}

func (l *accessLogs) one(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err == nil {
		defer f.Close() //nolint:errcheck // nothing was written
		err = l.log.Read(ctx, path, f)
	}
	if err != nil && !errors.As(err, new(*tokenctl.Error)) && ctx.Err() == nil {
		return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "cannot read " + path + ": " + tokenctl.Reason(err), Err: err}
	}
	return err
}

// lastUse returns the last use of a credential: the later one of the use in its row and the use in the logs.
// It returns false if no use is known.
func (l *accessLogs) lastUse(env tokens.Env, c *tokens.Credential, now time.Time) (tokens.Use, bool) {
	use, ok := c.LastUse(env, now)
	if l.log == nil {
		return use, ok
	}
	seen, there := l.log.Of(c.Kind, c.ID)
	if !there || !seen.Time.After(use.From) {
		return use, ok
	}
	if seen.Time.After(use.To) { // the clock of the log is ahead
		use.To = seen.Time
	}
	return tokens.Use{From: seen.Time, To: use.To, Source: fmt.Sprintf("line %d of %s", seen.Line, seen.Path)}, true
}

// value returns the field last_used. The field is null, and "no evidence" for people, if no use is known.
func (l *accessLogs) value(env tokens.Env, c *tokens.Credential, now time.Time) output.Value {
	use, ok := l.lastUse(env, c, now)
	if !ok {
		return output.Missing("no evidence")
	}
	return output.Object(useFields, []output.Value{output.Time(use.From), output.Time(use.To), output.String(use.Source)})
}
