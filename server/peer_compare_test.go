package server_test

import (
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// exchange is a request and both sides' answers.
type exchange struct {
	world        *world
	request      request
	django, ours answer
}

// shape is a text in which what is random or depends on the clock is replaced by
// what it is; the times are kept beside it.
type shape struct {
	text  string
	times []float64
}

// closeEnough is how many seconds the two sides' times may differ: they are asked
// at once.
const closeEnough = 4

func (s shape) equal(other shape) bool {
	return s.text == other.text && slices.EqualFunc(s.times, other.times, func(a, b float64) bool {
		return math.Abs(a-b) <= closeEnough
	})
}

// alike reports whether two texts have the same shape.
func (w *world) alike(a, b string) bool { return a == b || w.shaped(a).equal(w.shaped(b)) }

func (s shape) String() string {
	text := s.text
	for _, t := range s.times {
		text = strings.Replace(text, "<time", "<"+time.Unix(int64(t), 0).UTC().Format(time.DateTime), 1)
	}
	return text
}

var (
	jwtPattern     = regexp.MustCompile(`eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`)
	claimPattern   = regexp.MustCompile(`"(exp|iat|refresh_exp|until)": ?([0-9]+)`)
	hexPattern     = regexp.MustCompile(`\b(kx_[0-9a-f]+|[0-9a-f]{128}|[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32}|[0-9A-F]{32}|[0-9a-f]{15}|[0-9a-f]{8})\b`)
	timePattern    = regexp.MustCompile(`\b(20\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(\.\d{1,6})?`)
	expiresPattern = regexp.MustCompile(`expires=(\w{3}, \d\d \w{3} 20\d\d \d\d:\d\d:\d\d GMT)`)
	cookiePattern  = regexp.MustCompile(`\b((?:sessionid|sid)=[a-z0-9]{32}|csrftoken=[A-Za-z0-9]{64}|csrftoken=[A-Za-z0-9]{32})\b`)
	hashPattern    = regexp.MustCompile(`\b(pbkdf2_sha256\$\d+\$)[A-Za-z0-9]{22}\$[A-Za-z0-9+/]{43}=`)
	sessionPattern = regexp.MustCompile(`(\.?[A-Za-z0-9_-]{2,}):[0-9A-Za-z]{6}:[A-Za-z0-9_-]{43}`)
	waitPattern    = regexp.MustCompile(`(available in |^Retry-After: )([0-9]+)`)
	keyPattern     = regexp.MustCompile(`\bdjango_session [a-z0-9]{32}\b`)
)

// shaped reduces a text. What is a secret of the world stays as it is: both sides
// have the same.
func (w *world) shaped(text string) shape {
	var s shape
	moment := func(layout, text string) string {
		t, err := time.Parse(layout, text)
		if err != nil {
			return text
		}
		s.times = append(s.times, float64(t.Unix()))
		return "<time>"
	}
	replace := func(pattern *regexp.Regexp, f func(string) string) {
		text = pattern.ReplaceAllStringFunc(text, func(found string) string {
			if w.known[found] {
				return found
			}
			return f(found)
		})
	}
	replace(sessionPattern, func(found string) string { return "<session " + sessionPayload(found) + ">" })
	replace(jwtPattern, func(found string) string {
		parts := strings.Split(found, ".")
		header, err := base64.RawURLEncoding.DecodeString(parts[0])
		claims, err2 := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil || err2 != nil || !utf8.Valid(header) || !utf8.Valid(claims) {
			return found
		}
		return "<jwt " + string(header) + " " + string(claims) + ">"
	})
	replace(claimPattern, func(found string) string {
		name, number, _ := strings.Cut(found, ":")
		seconds, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil {
			return found
		}
		s.times = append(s.times, seconds)
		return name + ":<time>"
	})
	replace(hashPattern, func(found string) string {
		return hashPattern.FindStringSubmatch(found)[1] + "<salt>$<hash>"
	})
	replace(cookiePattern, func(found string) string {
		name, value, _ := strings.Cut(found, "=")
		return name + "=<" + strconv.Itoa(len(value)) + " characters>"
	})
	replace(waitPattern, func(found string) string {
		parts := waitPattern.FindStringSubmatch(found)
		seconds, err := strconv.ParseFloat(parts[2], 64)
		if err != nil {
			return found
		}
		s.times = append(s.times, seconds)
		return parts[1] + "<time>"
	})
	replace(keyPattern, func(string) string { return "django_session <key>" })
	replace(hexPattern, func(found string) string { return "<" + strconv.Itoa(len(found)) + " hex>" })
	replace(timePattern, func(found string) string {
		whole, fraction, _ := strings.Cut(found, ".")
		text := moment("2006-01-02 15:04:05", strings.Replace(whole, "T", " ", 1))
		if strings.Contains(whole, "T") {
			text = "T" + text
		}
		if fraction != "" {
			text += ".<fraction>"
		}
		return text
	})
	replace(expiresPattern, func(found string) string {
		return "expires=" + moment(time.RFC1123, strings.TrimPrefix(found, "expires="))
	})
	s.text = text
	return s
}

// sessionPayload is what a session's text holds.
func sessionPayload(text string) string {
	payload, _, _ := strings.Cut(text, ":")
	packed := strings.HasPrefix(payload, ".")
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(payload, "."))
	if err != nil {
		return text
	}
	if packed {
		r, err := zlib.NewReader(strings.NewReader(string(data)))
		if err != nil {
			return text
		}
		if data, err = io.ReadAll(r); err != nil {
			return text
		}
	}
	return string(data)
}

// ignored are the headers that the web server adds, not Django.
var ignored = []string{"Date", "Server", "Connection"}

// headers are those of an answer that count, each with its lines.
func (a answer) headers() map[string]string {
	all := map[string]string{}
	for name, lines := range a.header {
		if !slices.Contains(ignored, name) {
			all[name] = strings.Join(lines, "\n")
		}
	}
	return all
}

// compare tells how the answers of an exchange differ; "" when they do not, or
// when a tolerance explains it. parted is where nothing more can be compared.
func (w *world) compare(x exchange, excused tolerances) (difference string, parted bool) {
	difference = x.difference()
	if difference == "" {
		return "", false
	}
	var used []*tolerance
	for _, t := range excused {
		if !t.applies(x) {
			continue
		}
		if used = append(used, t); t.whole {
			x.django, parted = x.ours, true
		} else {
			t.ease(&x)
		}
		if x.difference() == "" {
			break
		}
	}
	if left := x.difference(); left != "" {
		return difference, false
	}
	for _, t := range used {
		t.used.Add(1)
	}
	return "", parted
}

// difference compares the two answers.
func (x exchange) difference() string {
	var b strings.Builder
	differ := func(what, django, ours string) {
		fmt.Fprintf(&b, "\t%s:\n\t\tDjango   %.600s\n\t\ttokenctl %.600s\n", what, django, ours)
	}
	if x.django.status != x.ours.status {
		differ("status", fmt.Sprint(x.django.status, " ", x.django.body), fmt.Sprint(x.ours.status, " ", x.ours.body))
	}
	django, ours := x.django.headers(), x.ours.headers()
	names := map[string]bool{}
	for _, headers := range []map[string]string{django, ours} {
		for name := range headers {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, inDjango := django[name]
		b, inOurs := ours[name]
		if inDjango != inOurs || !x.world.alike(name+": "+a, name+": "+b) {
			differ(name, fmt.Sprintf("%q", a), fmt.Sprintf("%q", b))
		}
	}
	if !x.world.alike(x.django.body, x.ours.body) && x.django.status == x.ours.status {
		differ("body", x.world.shaped(x.django.body).String(), x.world.shaped(x.ours.body).String())
	}
	return b.String()
}

// compareRows compares what has changed in the two databases.
func (w *world) compareRows(t *testing.T) string {
	t.Helper()
	shapes := func(s *side) (list []shape) {
		for _, row := range s.database.changes(t) {
			list = append(list, w.shaped(row))
		}
		return list
	}
	django, ours := shapes(w.django), shapes(w.ours)
	// Their order is that of what is random in them.
	left := slices.Clone(ours)
	for _, row := range django {
		if i := slices.IndexFunc(left, row.equal); i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	if len(left) == 0 && len(django) == len(ours) {
		return ""
	}
	var b strings.Builder
	for _, s := range []struct {
		name string
		rows []shape
	}{{"Django", django}, {"tokenctl", ours}} {
		fmt.Fprintf(&b, "\t%s:\n", s.name)
		for _, row := range s.rows {
			fmt.Fprintf(&b, "\t\t%s\n", row)
		}
	}
	return b.String()
}
