package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"tokenctl/db/dbtest"
)

// hostileNames are user names that would end the page's style, run a script, load an image,
// leave an attribute, or turn the text around.
var hostileNames = []string{`</style><script>window.ran = 1</script>`, `<img src=x onerror="window.ran = 1">`, `" onload="window.ran = 1`, hostile, strings.Repeat("long", 100)}

// reported fills a database with something for every section of a report.
func (w *world) reported() {
	w.t.Helper()
	w.env = append(w.env, "TOKENCTL_SECRET_KEY=not-a-good-one")
	w.ok("user", "create", "root", "--superuser", "-q")
	w.ok("user", "create", "ann", "bob", "carl", "dave", "eve", "--no-password", "-q")
	w.ok("mint", "root", "ann", "bob", "carl", "dave", "-q", "--out", "keys")
	for range 12 {
		w.ok("mint", "eve", "--kind", "knox", "--expires", "2999-01-01", "-q")
		w.ok("mint", "ann", "--kind", "knox", "--ttl", "40d", "--force", "-q")
	}
	for _, ttl := range []string{"1d", "3d", "8d", "9d", "30d", "85d"} {
		w.ok("mint", "bob", "carl", "--kind", "knox", "--ttl", ttl, "-q", "--out", "knox"+ttl)
	}
	w.ok("mint", "ann", "bob", "--kind", "jwt", "-q", "--out", "jwt", "--force")
	w.ok("mint", "ann", "bob", "--kind", "session", "-q", "--out", "session", "--force")
	w.ok("audit", "--baseline", "known.json", "--update-baseline", "-q")
	w.ok("user", "deactivate", "carl", "-q")
	w.ok("blacklist", "--user", "dave", "--yes", "-q")
	db, err := dbtest.Open(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	for _, name := range hostileNames {
		for _, statement := range []string{"insert into auth_user (username, password, is_superuser, is_staff, is_active, date_joined, first_name, last_name, email) values ($1, 'md5$$x', true, true, true, '2020-01-01 00:00:00', '', '', '')",
			"insert into authtoken_token (key, created, user_id) select 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' || id, '2020-01-01 00:00:00', id from auth_user where username = $1"} {
			if _, err := db.Exec(statement, name); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// TestReportPage opens the page of report as people do: on a telephone and on a screen, light, dark
// and printed.
func TestReportPage(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	chromium := browser(t)
	w := newWorld(t, "sqlite")
	w.reported()
	w.ok("report", "--html", "report.html", "--baseline", "known.json", "-q")
	url := "file://" + filepath.Join(w.dir, "report.html")
	for _, width := range []int64{400, 1280} {
		for _, look := range []struct{ name, media, colours string }{{"light", "screen", "light"}, {"dark", "screen", "dark"}, {"printed", "print", "dark"}} {
			name := "report-" + strconv.Itoa(int(width)) + "-" + look.name
			t.Run(name, func(t *testing.T) {
				b := person(t, chromium)
				requests := b.requests()
				b.run(chromedp.EmulateViewport(width, 900), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
					_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: look.media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.colours}}})
					return err
				}))
				b.open(url)
				b.clean()
				if got := requests(); !slices.Equal(got, []string{url}) {
					t.Errorf("it asks for %q", got)
				}
				for what, script := range pageFaults {
					if got := b.is(script); got != "" {
						t.Errorf("%s: %s", what, got)
					}
				}
				text := b.is("document.body.innerText")
				for _, want := range []string{hostileNames[0], hostileNames[1], hostileNames[2], `eve\x1b]0;owned`, `\u202etxt.`, strings.Repeat("long", 30) + "…", "Since the baseline", "tokenctl audit --fix inactive-owner"} {
					if !strings.Contains(text, want) {
						t.Errorf("the page does not show %q", want)
					}
				}
				dark := b.is("getComputedStyle(document.documentElement).backgroundColor") != "rgb(255, 255, 255)"
				if dark != (look.name == "dark") {
					t.Errorf("dark: %t", dark)
				}
				height, err := strconv.ParseInt(b.is("document.documentElement.scrollHeight"), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				b.run(chromedp.EmulateViewport(width, height))
				b.picture(name)
			})
		}
	}
	t.Run("pdf", func(t *testing.T) {
		b := person(t, chromium)
		b.open(url)
		pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPreferCSSPageSize()))
		if err != nil {
			t.Fatal(err)
		}
		if pages := bytes.Count(pdf, []byte("/Type /Page\n")); !bytes.HasPrefix(pdf, []byte("%PDF-")) || pages < 3 || pages > 12 {
			t.Errorf("%d pages", pages)
		}
		if dir := os.Getenv("TOKENCTL_TEST_PICTURES"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, "report.pdf"), pdf, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		b.clean()
	})
	t.Run("policy", func(t *testing.T) {
		// A violation would be seen above.
		for _, try := range []string{`document.head.append(Object.assign(document.createElement("script"), {textContent: "window.ran = 1"}))`,
			`document.body.append(Object.assign(document.createElement("img"), {src: "x.png"}))`, `document.querySelector("h1").setAttribute("style", "color: red")`} {
			b := person(t, chromium)
			b.open(url)
			b.clean()
			b.run(chromedp.Evaluate[chromedp.Void]("void " + try))
			if said := strings.Join(b.said(), "\n"); !strings.Contains(said, "Content Security Policy") || b.is("window.ran") != "undefined" {
				t.Errorf("%s: the console says %q", try, said)
			}
		}
	})
}

// requests returns a function that tells what the tab has asked for since.
func (b *tab) requests() func() []string {
	var mu sync.Mutex
	var list []string
	events := chromedp.Events(b.ctx, network.RequestWillBeSent)
	go func() {
		for e, err := range events {
			if err != nil {
				return // the tab is closed
			}
			mu.Lock()
			list = append(list, e.Request.URL)
			mu.Unlock()
		}
	}()
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(list)
	}
}

// pageFaults are scripts that name what is wrong with a page.
var pageFaults = map[string]string{
	"what can run or load": `[...document.querySelectorAll("script, img, iframe, object, [style], [onload], [onerror], link:not([href='data:,'])")].map(e => e.outerHTML).join("\n") + (window.ran ? "it ran" : "")`,
	"styles":               `document.querySelectorAll("style").length === 1 ? "" : "not one"`,
	"language":             `document.documentElement.lang === "en" ? "" : "none"`,
	"wider than the window": `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + .5 || e.getBoundingClientRect().left < 0).map(e => e.outerHTML).slice(0, 3).join("\n") +
		(document.documentElement.scrollWidth > innerWidth ? "it scrolls" : "")`,
	"texts over each other": `[...document.querySelectorAll("svg")].flatMap(s => {
		const texts = [...s.querySelectorAll("text")].map(e => [e, e.getBoundingClientRect()]);
		return texts.filter(([e, a]) => texts.some(([f, b]) => f !== e && a.left < b.right && b.left < a.right && a.top < b.bottom - 4 && b.top < a.bottom - 4)).map(([e]) => e.outerHTML);
	}).slice(0, 4).join("\n")`,
	"headings": `(() => {
		const levels = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map(h => Number(h.tagName[1]));
		return levels.filter((l, i) => i ? l > levels[i - 1] + 1 || l === 1 : l !== 1).join() + (levels.length > 10 ? "" : "too few");
	})()`,
	"tables":   `[...document.querySelectorAll("table")].filter(t => !t.caption || [...t.querySelectorAll("th")].some(h => !h.scope) || !t.tHead).map(t => t.outerHTML).join("\n")`,
	"charts":   `[...document.querySelectorAll("svg")].filter(s => s.getAttribute("role") !== "img" || !s.querySelector("title").textContent || s.getAttribute("aria-labelledby").split(" ").some(id => !document.getElementById(id))).map(s => s.outerHTML).join("\n") + (document.querySelectorAll("svg").length > 5 ? "" : "too few")`,
	"anchors":  `[...document.querySelectorAll("a")].filter(a => !a.getAttribute("href").startsWith("#") || !document.querySelector(a.getAttribute("href"))).map(a => a.outerHTML).join("\n")`,
	"contrast": contrastFaults,
}

// contrastFaults names text whose contrast with what is behind it is below 4.5, and bars where it
// is below 3 (WCAG 2.2, 1.4.3 and 1.4.11).
const contrastFaults = `(() => {
	const colour = text => {
		const m = /^rgba?\((\d+), (\d+), (\d+)(?:, ([\d.]+))?\)$/.exec(text);
		if (!m) throw new Error("a colour: " + text);
		return {rgb: m.slice(1, 4).map(Number), alpha: m[4] === undefined ? 1 : Number(m[4])};
	};
	const luminance = rgb => rgb.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
	const behind = e => {
		for (; e; e = e.parentElement) {
			const c = colour(getComputedStyle(e).backgroundColor);
			if (c.alpha === 1) return c.rgb;
		}
		return [255, 255, 255];
	};
	const ratio = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((x, y) => y - x); return (x + .05) / (y + .05); };
	const faults = [];
	let texts = 0;
	for (const e of document.querySelectorAll("body *")) {
		if (["title", "desc"].includes(e.tagName)) continue;
		const style = getComputedStyle(e), bar = e.tagName === "rect";
		if (!bar && ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
		texts++;
		const c = colour(bar || e.tagName === "text" ? style.fill : style.color);
		const got = ratio(c.rgb, behind(e));
		if (c.alpha !== 1 || got < (bar ? 3 : 4.5)) faults.push(got.toFixed(2) + " " + e.outerHTML.slice(0, 100));
	}
	return faults.join("\n") + (texts > 100 ? "" : "too few texts: " + texts);
})()`
