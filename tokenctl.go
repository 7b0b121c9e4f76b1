// Package tokenctl holds the few words of our own that every other package speaks:
// Error and its codes, Secret, Settings, Version, Duration and Clock. [Mapped] is here because
// packages of all layers map lists.
//
// It imports no other package of this module. What Django and its packages do with
// such a setting is in package django. Finding and reading the files of settings is in
// package commands.
package tokenctl

import "time"

// Clock returns the current time. Tests and serve --clock set their own.
type Clock func() time.Time
