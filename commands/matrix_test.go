package commands_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/tokens"
)

// TestUsageMatrix: the table of docs/usage.md of kinds and verbs says what the kinds say
// of themselves.
func TestUsageMatrix(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "docs", "usage.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	fmt.Fprintf(&want, "| kind | %s |\n|---%s|\n", strings.Join(tokens.Verbs, " | "), strings.Repeat("|---", len(tokens.Verbs)))
	for _, k := range tokens.Kinds() {
		fmt.Fprintf(&want, "| %s |", k.Name)
		for _, action := range tokens.Verbs {
			mark := "–"
			if k.Can(action) {
				mark = "yes"
			}
			fmt.Fprintf(&want, " %s |", mark)
		}
		want.WriteString("\n")
	}
	if !strings.Contains(string(text), want.String()) {
		t.Errorf("docs/usage.md lacks the table\n\n%s", want.String())
	}
}

// TestMatrix backs every cell of that table, on both engines: what a kind can, it
// does, and what it cannot is refused by name.
func TestMatrix(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, _, url string) {
		c := cli{t: t, url: url, env: map[string]string{"TOKENCTL_SECRET_KEY": "a secret key of more than thirty-two bytes"}}
		c.must("", "init", "-q")
		c.must("", "user", "create", "alice")
		for _, k := range tokens.Kinds() {
			t.Run(k.Name, func(t *testing.T) {
				c := c
				c.t = t
				cells(t, c, k)
			})
		}
	})
}

type made struct{ ID, Token, Refresh, Replaces string }

func (m made) secret() string { return m.Token + m.Refresh }

func (c cli) makes(args ...string) (m made) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(c.must("", append(args, "-o", "json")...)), &m); err != nil {
		c.t.Fatal(err)
	}
	return m
}

func cells(t *testing.T, c cli, k *tokens.Kind) {
	refused := func(args ...string) {
		t.Helper()
		if _, errs, status := c.run("", append(args, "-o", "json")...); status != 2 || !strings.Contains(errs, "kind_unsupported") {
			t.Errorf("tokenctl %s: status %d, %s", strings.Join(args, " "), status, errs)
		}
	}
	verdict := func(secret, want string) {
		t.Helper()
		if v := c.verdict(secret); v != want {
			t.Errorf("the verdict is %s, want %s", v, want)
		}
	}
	first := c.makes("mint", "alice", "--kind", k.Name)
	if !strings.HasPrefix(first.ID, k.Name+":") || first.secret() == "" {
		t.Fatalf("minted %+v", first)
	}
	if list := c.must("", "list", "--kind", k.Name, "-o", "id"); list != first.ID {
		t.Errorf("list shows %s", list)
	}
	if user := c.must("", "show", first.ID, "--field", "user"); user != "alice" {
		t.Errorf("show says it is %s's", user)
	}
	verdict(first.secret(), "active")
	second := c.makes("rotate", first.ID)
	if second.Replaces != first.ID || second.secret() == first.secret() {
		t.Errorf("rotated to %+v", second)
	}
	verdict(second.secret(), "active")
	if v := c.verdict(first.secret()); v == "active" {
		t.Error("the predecessor is still active")
	}
	if k.Can("expire") {
		c.must("", "expire", second.ID, "--ttl", "400d")
		if left := c.must("", "show", second.ID, "--field", "expires"); !strings.HasPrefix(left, time.Now().AddDate(0, 0, 400).UTC().Format("2006-01-02")) {
			t.Errorf("after expire --ttl 400d it expires %s", left)
		}
		verdict(second.secret(), "active")
	} else {
		refused("expire", second.ID, "--ttl", "1d")
		refused("expire", "--kind", k.Name, "--ttl", "1d", "--yes")
	}
	c.must("", "blacklist", second.ID)
	if v := c.verdict(second.secret()); v == "active" {
		t.Error("it is active after blacklist")
	}
	if k.Can("unblacklist") {
		c.must("", "unblacklist", second.ID)
		verdict(second.secret(), "active")
	} else {
		third := c.makes("mint", "alice", "--kind", k.Name)
		refused("unblacklist", third.ID)
		c.must("", "blacklist", third.ID)
	}
	if !k.Can("purge") {
		refused("purge", "--kind", k.Name, "--yes")
		return
	}
	// Somebody minted two years ago.
	past := c
	past.now = time.Now().AddDate(-2, 0, 0)
	old := past.makes("mint", "alice", "--kind", k.Name, "--force")
	if status := c.must("", "show", old.ID, "--field", "status"); status != "expired" {
		t.Errorf("a token of two years ago is %s", status)
	}
	c.must("", "purge", "--kind", k.Name, "--yes")
	if _, _, status := c.run("", "show", old.ID); status != 3 {
		t.Error("it is there after purge")
	}
}

// TestUsageSettings: the settings that docs/usage.md shows can be read.
func TestUsageSettings(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "docs", "usage.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "```toml\n")
	block, _, end := strings.Cut(block, "```")
	if !ok || !end {
		t.Fatal("docs/usage.md shows no settings")
	}
	if _, err := tokenctl.ParseSettings([]byte(block)); err != nil {
		t.Error(err)
	}
}
