// Package tokenctl holds the few words of our own that every other package speaks:
// Error and its codes, Secret, Settings and Clock. The rules of Django and its
// packages are in django, and everything that speaks to a database is in db.
package tokenctl

import "time"

// Clock returns the current time. Tests and serve --clock set their own.
type Clock func() time.Time
