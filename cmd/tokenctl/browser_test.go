package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"

	"tokenctl/db/dbtest"
)

// browser starts Debian's Chromium for a test: chromium-headless-shell, which has no windows and takes a third
// of the time, or else chromium without a window.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium-headless-shell")
	if err != nil {
		path, err = exec.LookPath("chromium")
	}
	if err != nil {
		dbtest.Missing(t, "chromium-headless-shell or chromium")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // which it refuses to make as root
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// tab is a page that somebody uses.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu      sync.Mutex
	console []string
}

// person opens a tab in a browser that nobody has used before: no storage, no
// cookies.
func person(t *testing.T, browser context.Context) *tab {
	t.Helper()
	return newTab(t, browser, chromedp.WithNewBrowserContext())
}

// another opens another tab of the same person.
func (b *tab) another() *tab {
	b.t.Helper()
	return newTab(b.t, b.ctx)
}

func newTab(t *testing.T, parent context.Context, options ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return // the tab is closed
			}
			// An answer that is no success is written there too.
			if m.Source != string(log.EntrySourceNetwork) {
				b.mu.Lock()
				b.console = append(b.console, m.String())
				b.mu.Unlock()
			}
		}
	}()
	return b
}

// said is what the console has had to say of the page: exceptions, violations of
// its Content-Security-Policy.
func (b *tab) said() []string {
	b.t.Helper()
	const end = "log: that is all"
	b.run(chromedp.Evaluate[chromedp.Void](`console.log("that is all")`))
	var list []string
	within(b.t, testLimit, "the console", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !slices.Contains(b.console, end) {
			return false
		}
		list = slices.DeleteFunc(b.console, func(text string) bool { return text == end })
		b.console = nil
		return true
	})
	return list
}

// clean checks that the console has nothing against the page.
func (b *tab) clean() {
	b.t.Helper()
	if said := b.said(); len(said) > 0 {
		b.t.Errorf("the console says: %q", said)
	}
}

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, testLimit)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) open(url string) {
	b.t.Helper()
	b.run(chromedp.Navigate(url))
}

// types presses keys, where the focus is.
func (b *tab) types(keys string) {
	b.t.Helper()
	b.run(chromedp.KeyEvent(keys))
}

// tabTo presses Tab until the element has the focus.
func (b *tab) tabTo(id string) {
	b.t.Helper()
	for range 20 {
		if b.is(focus) == id {
			return
		}
		b.types("\t")
	}
	b.t.Fatalf("Tab does not lead to %s", id)
}

func (b *tab) click(id string) {
	b.t.Helper()
	b.run(chromedp.Click("#" + id))
}

// is evaluates JavaScript to a text.
func (b *tab) is(script string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, testLimit)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+script+")"))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return text
}

// shows waits until the JavaScript's text holds a part.
func (b *tab) shows(script, part string) {
	b.t.Helper()
	var text string
	for deadline := time.Now().Add(testLimit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if text = b.is(script); strings.Contains(text, part) {
			return
		}
	}
	b.t.Fatalf("%s: %q does not show %q", script, text, part)
}

// lacks checks that a secret is neither in the page nor kept by it.
func (b *tab) lacks(secret string) {
	b.t.Helper()
	page := b.is(`document.documentElement.outerHTML + [...document.querySelectorAll("input")].map(i => i.value) +
		JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.cookie + location`)
	if strings.Contains(page, secret) {
		b.t.Errorf("the page holds %q", secret)
	}
}

// picture keeps a screenshot where TOKENCTL_TEST_PICTURES says, to be looked at.
func (b *tab) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("TOKENCTL_TEST_PICTURES")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// prefers sets a preference such as prefers-color-scheme.
func (b *tab) prefers(name, value string) {
	b.t.Helper()
	b.run(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: name, Value: value}}})
		return err
	}))
}
