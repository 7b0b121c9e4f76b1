package tokens

import (
	"strings"

	"tokenctl"
)

// Wrapping finds the texts in a line that can be secrets, without what stands around them in headers, curl lines,
// cookies, assignments, JSON, YAML, URLs and logs. It never cuts a secret: a candidate is everything between two
// blanks, quotes or other marks.
type Wrapping struct {
	words  map[string]bool // in lower case: what introduces a secret and is none
	cookie string          // SESSION_COOKIE_NAME
}

// NewWrapping returns the Wrapping for the headers and the cookie that the settings name.
func NewWrapping(s *tokenctl.Settings) *Wrapping {
	w := &Wrapping{words: map[string]bool{}, cookie: s.Session.Cookie()}
	jwt := s.SimpleJWT.WithDefaults()
	header, _, _ := strings.Cut(jwtHeader(s, tokenctl.Secret{}), ":")
	words := append([]string{"authorization", "proxy-authorization", "cookie", "set-cookie", "token", "bearer", "jwt", header,
		s.TokenKeyword(), s.Knox.HeaderPrefix()}, jwt.AuthHeaderTypes...)
	for _, word := range words {
		w.words[strings.ToLower(word)] = true
	}
	return w
}

// leastWord is the least length of a word that nothing introduces. A word of longName or
// more characters is never taken for a name, also where = or : follows it.
const (
	leastWord = 8
	longName  = 28
)

const (
	blanks = " \t"
	quotes = "\"'`"
	// marks end a word. No secret of Django's packages has one in it.
	marks = blanks + quotes + ",;:()[]{}<>|*\\=&?!+$#@/%^~"
)

// word is a word of a line that can be a secret.
type word struct {
	text string
	name string // what it is the value of: name=text
	list int    // which list of name=text; name=text it is in; 0: none
}

// Candidates returns the texts of a line that can be secrets, each once.
func (w *Wrapping) Candidates(line string) (list []string) {
	words := w.read(line)
	sessions := map[int]bool{} // the lists in which the session's cookie is
	for _, c := range words {
		sessions[c.list] = sessions[c.list] || c.list > 0 && c.name == w.cookie
	}
	seen := map[string]bool{"": true}
	add := func(text string) {
		if !seen[text] {
			seen[text] = true
			list = append(list, text)
		}
	}
	for _, c := range words {
		switch {
		case isCSRF(c.name):
			continue
		case c.name != w.cookie && sessions[c.list] && !Recognized(c.text):
			continue // Django reads the session's cookie alone
		}
		add(c.text)
		add(strings.TrimRight(strings.TrimLeft(c.text, "-"), "."))
		if bare := strings.Trim(c.text, "_"); len(bare) < len(c.text) && c.text[0] == '_' {
			add(bare)
		}
	}
	w.odd(line, add)
	return list
}

// isCSRF reports whether a name is that of Django's CSRF token, which has the form of a
// session key.
func isCSRF(name string) bool { return strings.Contains(strings.ToLower(name), "csrf") }

// Recognized reports whether text looks like a secret other than a session key. Many names have the form of a
// session key.
func Recognized(text string) bool {
	return DRF.LooksLike(text) || Knox.LooksLike(text) || JWT.LooksLike(text)
}

// read returns the words of a line that may be secrets. It leaves out the words that introduce a secret, names,
// and short words that nothing introduces.
func (w *Wrapping) read(line string) (words []word) {
	var name string     // what the next word is the value of
	var introduced bool // the word before says that a secret follows
	var pair, in bool   // it does so with =; another such pair follows the one before
	list := 0
	for len(line) > 0 {
		n := strings.IndexAny(line, marks)
		if n < 0 {
			n = len(line)
		}
		text := line[:n]
		mark, rest := cutMarks(line[n:])
		line = rest
		if text == "" {
			continue
		}
		kind := strings.Trim(mark, blanks+quotes+"\\")
		isName := (kind == "=" || kind == ":") && rest != ""
		switch {
		case w.words[strings.ToLower(strings.TrimLeft(text, "-"))]:
			introduced, name, pair = true, "", false
			continue
		case isName && len(text) < longName:
			introduced, name, pair = true, strings.TrimLeft(text, "-"), kind == "="
			if !in {
				list++
			}
			continue
		case introduced || len(text) >= leastWord:
			c := word{text: text, name: name}
			if pair {
				c.list = list
			}
			words = append(words, c)
		}
		in = pair && kind == ";"
		introduced, name, pair = false, "", false
	}
	return words
}

// cutMarks cuts the marks from the beginning of text. Escaped marks such as %20, \n and \u0026 count, too.
func cutMarks(text string) (mark, rest string) {
	i := 0
	for i < len(text) && strings.IndexByte(marks, text[i]) >= 0 {
		switch {
		case text[i] == '%' && i+2 < len(text) && isHex(strings.ToLower(text[i+1:i+3])):
			i += 3
		case text[i] == '\\' && i+5 < len(text) && text[i+1] == 'u' && isHex(strings.ToLower(text[i+2:i+6])):
			i += 6
		case text[i] == '\\' && i+1 < len(text) && strings.IndexByte("nrt", text[i+1]) >= 0:
			i += 2
		default:
			i++
		}
	}
	return text[:i], text[i:]
}

// odd adds texts with marks in them that may be secrets: a text between two blanks that another word introduces,
// and the value of an assignment.
func (w *Wrapping) odd(line string, add func(string)) {
	const around = quotes + ",;()[]{}<>"
	fields := strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(blanks, c) })
	introduced := len(fields) == 1
	for _, field := range fields {
		bare := strings.Trim(field, around)
		name, value, assigned := cutAny(bare, "=:")
		if strings.HasPrefix(value, "//") { // a URL
			assigned, bare = false, ""
		}
		if assigned && isCSRF(name) {
			introduced = false
			continue
		}
		if introduced && strings.ContainsAny(field, marks) && !w.words[strings.ToLower(name)] {
			add(field)
			add(strings.TrimRight(field, ",;"))
			add(bare)
		}
		value = strings.Trim(value, around)
		if assigned && strings.ContainsAny(value, marks) {
			add(value)
		}
		introduced = w.words[strings.ToLower(strings.TrimRight(bare, ":="))] || assigned && value == ""
	}
}

// cutAny cuts text at the first character that is one of bytes.
func cutAny(text, bytes string) (before, after string, found bool) {
	if i := strings.IndexAny(text, bytes); i >= 0 {
		return text[:i], text[i+1:], true
	}
	return text, "", false
}
