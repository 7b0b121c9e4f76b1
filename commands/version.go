package commands

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl/output"
)

// release is the version of a package, which packages/build gives to the linker.
var release string

// build is what the Go linker recorded about this binary.
type build struct {
	version string
	commit  string
	dirty   bool
	date    string // of the commit
	sum     string // go.sum's checksum of the module; empty for a build from a working tree
}

func buildInfo() build {
	b := build{version: cmp.Or(release, "devel")}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := strings.Trim(info.Main.Version, "()"); v != "" && release == "" {
		b.version = v
	}
	b.sum = info.Main.Sum
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.commit = s.Value
		case "vcs.time":
			b.date = s.Value
		case "vcs.modified":
			b.dirty = s.Value == "true"
		}
	}
	return b
}

var versionColumns = []output.Column{{Name: "version"}, {Name: "commit"}, {Name: "go"}, {Name: "dirty"}, {Name: "date", Extra: true}, {Name: "sum", Extra: true}}

func newVersion(a *App) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show which tokenctl this is",
		Long: `Show the version of tokenctl, the commit it was built from and that commit's date,
whether the tree had changes besides, the Go release that built it, and the
module's checksum where it was installed from a module proxy.`,
		Example: `  tokenctl version
  tokenctl version -o json`,
		RunE: func(*cobra.Command, []string) error { return a.writeVersion() },
	}
}

func (a *App) writeVersion() error {
	b := buildInfo()
	return a.write(versionColumns, [][]output.Value{{output.String(b.version), output.OptString(b.commit),
		output.String(runtime.Version()), output.Bool(b.dirty), output.OptString(b.date), output.OptString(b.sum)}}, true)
}
