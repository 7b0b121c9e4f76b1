package django

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// idnaEncode is Python's str.encode("idna"), the IDNA of RFC 3490, as far as EmailValidator of 3.2
// to 5.1 depends on it.
func idnaEncode(domain string) (string, bool) {
	// The ideographic full stop and its two variants are dots, too.
	labels := strings.Split(strings.NewReplacer("\u3002", ".", "\uff0e", ".", "\uff61", ".").Replace(domain), ".")
	for i, label := range labels {
		encoded, ok := idnaLabel(label)
		if !ok {
			return "", false
		}
		labels[i] = encoded
	}
	return strings.Join(labels, "."), true
}

// idnaLabel is ToASCII of RFC 3490, section 4.1.
func idnaLabel(label string) (string, bool) {
	if !isASCII(label) {
		label = nameprep(label)
	}
	if !isASCII(label) {
		encoded, ok := punycode([]rune(label))
		if !ok || strings.HasPrefix(label, "xn--") {
			return "", false
		}
		label = "xn--" + encoded
	}
	return label, 0 < len(label) && len(label) < 64
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// nameprep is RFC 3491: characters of table B.1 vanish, the rest is case-folded and brought to
// NFKC. What it prohibits becomes U+0000, which no domain may contain.
func nameprep(label string) string {
	mapped := strings.Map(func(r rune) rune {
		switch {
		case r == 0x00ad, r == 0x034f, r == 0x1806, 0x180b <= r && r <= 0x180d, 0x200b <= r && r <= 0x200d,
			r == 0x2060, 0xfe00 <= r && r <= 0xfe0f, r == 0xfeff:
			return -1
		}
		return r
	}, label)
	folded := norm.NFKC.String(foldCase(norm.NFKC.String(foldCase(mapped))))
	if mixesDirections([]rune(folded)) {
		return "\x00"
	}
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII && isProhibited(r) {
			return 0
		}
		return r
	}, folded)
}

// mixesDirections is section 6 of RFC 3454: a label with right-to-left characters begins and ends
// with one and has no left-to-right ones.
func mixesDirections(label []rune) bool {
	var left, right int
	class := bidi.L
	for i, r := range label {
		p, _ := bidi.LookupRune(r)
		class = p.Class()
		switch {
		case class == bidi.R || class == bidi.AL:
			if right == 0 && i > 0 {
				return true
			}
			right++
		case class == bidi.L:
			left++
		}
	}
	return right > 0 && (left > 0 || class != bidi.R && class != bidi.AL)
}

// foldCase is table B.2 of RFC 3454 up to the full foldings of rare letters.
func foldCase(s string) string {
	return strings.NewReplacer("\u00df", "ss", "\u1e9e", "ss", "\u03c2", "\u03c3", "\u017f", "s").Replace(strings.ToLower(s))
}

// isProhibited joins the tables C.1.2, C.2.2 and C.3 to C.9 of RFC 3454.
func isProhibited(r rune) bool {
	switch {
	case unicode.In(r, unicode.Zs, unicode.Zl, unicode.Zp, unicode.Cc, unicode.Co, unicode.Cs),
		unicode.Is(unicode.Noncharacter_Code_Point, r),
		r == 0x0340, r == 0x0341, r == 0x06dd, r == 0x070f, r == 0x180e, r == 0x200e, r == 0x200f,
		0x202a <= r && r <= 0x202e, 0x2061 <= r && r <= 0x2063, 0x206a <= r && r <= 0x206f,
		0x2ff0 <= r && r <= 0x2ffb, 0xfff9 <= r && r <= 0xfffd, 0x1d173 <= r && r <= 0x1d17a,
		r == 0xe0001, 0xe0020 <= r && r <= 0xe007f:
		return true
	}
	return false
}

// punycode encodes label by RFC 3492, section 6.3. It gives up on labels no domain can hold.
func punycode(label []rune) (string, bool) {
	const base, tMin, tMax, damp, initialBias, initialN = 36, 1, 26, 700, 72, 128
	if len(label) > 63 {
		return "", false
	}
	var out []byte
	for _, r := range label {
		if r <= unicode.MaxASCII {
			out = append(out, byte(r))
		}
	}
	basic := len(out)
	if basic > 0 {
		out = append(out, '-')
	}
	n, delta, bias := rune(initialN), 0, initialBias
	for handled := basic; handled < len(label); n++ {
		next := rune(unicode.MaxRune)
		for _, r := range label {
			if r >= n {
				next = min(next, r)
			}
		}
		delta += int(next-n) * (handled + 1)
		n = next
		for _, r := range label {
			if r < n {
				delta++
			}
			if r != n {
				continue
			}
			q := delta
			for k := base; ; k += base {
				t := min(max(k-bias, tMin), tMax)
				if q < t {
					break
				}
				out = append(out, punycodeDigit(t+(q-t)%(base-t)))
				q = (q - t) / (base - t)
			}
			out = append(out, punycodeDigit(q))
			// Section 6.1, bias adaptation.
			if handled == basic {
				delta /= damp
			} else {
				delta /= 2
			}
			delta += delta / (handled + 1)
			k := 0
			for delta > (base-tMin)*tMax/2 {
				delta /= base - tMin
				k += base
			}
			bias = k + (base-tMin+1)*delta/(delta+38)
			delta = 0
			handled++
		}
		delta++
	}
	return string(out), true
}

func punycodeDigit(d int) byte {
	if d < 26 {
		return byte('a' + d)
	}
	return byte('0' + d - 26)
}
