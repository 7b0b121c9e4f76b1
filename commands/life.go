package commands

import (
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/tokens"
)

// lifeFlags say how long a new credential lives.
type lifeFlags struct {
	ttl     string
	expires dateValue
	never   bool
	keep    bool
}

func (l *lifeFlags) flags(c *cobra.Command) {
	c.Flags().StringVar(&l.ttl, "ttl", "", "how long it lives, such as `90d` (default: as the application configures)")
	c.Flags().StringVar(&l.expires.text, "expires", "", "when it expires, as a `DATE`")
	c.Flags().BoolVar(&l.never, "never", false, "it never expires")
	c.MarkFlagsMutuallyExclusive("ttl", "expires", "never")
}

func (l *lifeFlags) resolve(now time.Time) (life tokens.Life, err error) {
	life.Never, life.Keep = l.never, l.keep
	if l.ttl != "" {
		if life.TTL, err = tokenctl.ParseDuration(l.ttl); err != nil || life.TTL == 0 {
			return life, usage("--ttl needs a length of time", "write --ttl 90d")
		}
	}
	if life.Expires, err = l.expires.resolve("expires", now, true); err != nil {
		return life, err
	}
	if !life.Expires.IsZero() && !life.Expires.After(now) {
		return life, usage("--expires lies in the past", "")
	}
	return life, nil
}
