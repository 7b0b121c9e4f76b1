package main

import (
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestCompletionInBash presses Tab in a real bash at a terminal, which has nothing of the
// package bash-completion. What runs then shows how the words arrive.
func TestCompletionInBash(t *testing.T) {
	engines(t, func(w *world) {
		w.ok("mint", "alice", "bob", "--create", "-q", "--out", "keys")
		id := strings.Fields(w.ok("list", "-o", "id"))[1]
		cmd := exec.Command("bash", "--norc", "--noprofile", "-i")
		cmd.Dir, cmd.Env = w.dir, append(slices.Clone(w.env), "PS1=$ ", "HISTFILE=", "INPUTRC=/dev/null", "TERM=dumb")
		p := w.terminalOf(24, 200, cmd)
		enter := func(line string) { io.WriteString(p.keys, line) } //nolint:errcheck // the screen shows it
		enter("bind 'set enable-bracketed-paste off'; bind 'set completion-query-items 0'\n")
		enter("declare -F _get_comp_words_by_ref _init_completion; source <(tokenctl completion bash)\n")
		enter(`tokenctl() { if [[ $1 == __complete ]]; then command tokenctl "$@"; else printf '<%s>' "$@"; echo .; fi; }` + "\n")
		for line, want := range map[string]string{
			"tokenctl list --kind kn\t\b,drf,se\t":      "<list><--kind><knox,drf,session>",
			"tokenctl rev\t":                            "<revoke>",
			"tokenctl revoke --dry\t":                   "<revoke><--dry-run>",
			"tokenctl blackl\t--ki\tdrf,kn\t\b,se\t":    "<blacklist><--kind><drf,knox,session>",
			"tokenctl list --kind=drf,se\t":             "<list><--kind=drf,session>",
			"tokenctl list --columns id,sta\t":          "<list><--columns><id,status>",
			"tokenctl list --columns=id,user,sta\t":     "<list><--columns=id,user,status>",
			"tokenctl show --field owner.is_st\t":       "<show><--field><owner.is_staff>",
			"tokenctl list -o nd\t":                     "<list><-o><ndjson>",
			"tokenctl help form\t":                      "<help><formats>",
			"tokenctl user pass\t":                      "<user><password>",
			"tokenctl serve --log-format sh\t":          "<serve><--log-format><short>",
			"tokenctl list --user bo\t":                 "<list><--user><bob>",
			"tokenctl mint al\t":                        "<mint><alice>",
			"tokenctl show " + id[:len("drf:2")] + "\t": "<show><" + id + ">",
		} {
			enter(line + "\n")
			p.shows(want + ".\n")
		}
		enter("tokenctl mint --t\t\t\x15") // all that fit, with what they mean
		p.shows("(how long it lives: a TIME such as 90d")
		enter("exit\n")
		w.want(p.ends(testLimit), 0)
		if screen := p.screen(); strings.ContainsAny(screen, "`\\") || strings.Contains(screen, "command not found") || strings.Contains(screen, "_get_comp_words_by_ref\n_init") {
			w.t.Errorf("the terminal shows\n%s", screen)
		}
	})
}
