package django_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/django"
	"tokenctl/django/djangotest"
)

// emailDomains are what people have, and what they get wrong.
func emailDomains() []string {
	domains := strings.Fields(`example.com EXAMPLE.Com localhost b 127.0.0.1 1.c0 b.com. b..com .b.com -b.com b-.com a--b.com ab--c.com xn--p1ai.xn--p1ai xn--a.com xn--.com ex_ample.com
		[127.0.0.1] [::1] [1.2.3] bücher.example BÜCHER.example пример.рф ПРИМЕР.РФ 例え。テスト 例え．テスト faß.de straße.at ΣΑΣ.gr b.ж 😀.com i❤.ws 한국.kr ไทย.ไทย भारत.भारत مصر.eg
		ليهمابتكلموشعربي.com דוגמה.il דוגמה1.il aדוגמה.il ＡＢＣ.com ａ１.ｃｏｍ ①.com ½.com ﬁ.com ﬁx.de İ.com ı.com ſ.com K.com é.com e` + "\u0301" + `.com Å.se b` + "\u00ad" + `c.com
		b` + "\u200d" + `c.com b` + "\u200b" + `c.com ☃.net ©.com ™.com ∕.com b⁄c.com b‐c.com b…com 中国.中国 xn--fiqs8s.中国 ß.com ς.gr ÿ.com ĳ.nl Ω.com Ｌocalhost º.com`) // no spaces of Unicode
	for _, r := range "\u00a0\u3000\u2028\u0085\ue000\ufffe\ufffd\u202e\u200e\U0001d173" {
		domains = append(domains, "b"+string(r)+"c.com", string(r)+".рф")
	}
	letters := []rune("abcZ019-._éÉßßςΣяЯłŁñÑ日本語한글กไअनمصדוگ。．ﬁ①½😀❤\u0301\u0327ªµ")
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		domain := ""
		for range 1 + random.IntN(6) {
			domain += string(letters[random.IntN(len(letters))])
		}
		domains = append(domains, domain+[]string{".com", ".рф", ""}[random.IntN(3)])
	}
	return append(domains, strings.Repeat("b", 63)+".com", strings.Repeat("b", 64)+".com", strings.Repeat("ü", 55)+".com", strings.Repeat("ü", 60)+".com", strings.Repeat("bc.", 90)+"com")
}

// emailTolerance is a difference between Django up to 5.1 and tokenctl that is meant, and why.
type emailTolerance struct {
	reason  string
	applies *regexp.Regexp
}

// Python's codec follows the IDNA of 2003, and x/net/idna follows UTS #46.
var emailTolerances = []emailTolerance{
	{"no registry has a label that begins with a combining mark", regexp.MustCompile(`(^|[.。．])\p{M}`)},
	{"RFC 5893 has another rule than RFC 3454 for digits and marks beside letters from right to left", regexp.MustCompile(`[\p{Hebrew}\p{Arabic}]`)},
}

func TestValidateEmailAsDjango(t *testing.T) {
	t.Parallel()
	domains := emailDomains()
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		pr := p.Project(t, dbtest.SQLite(t), djangotest.Options{})
		var want []bool
		pr.Eval(`
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
def valid(email):
    try:
        validate_email(email)
    except ValidationError:
        return False
    return True
result = [valid("a@" + d) for d in domains]`, &want, djangotest.Vars{"domains": domains})
		release, used := tokenctl.Version(p.Name), map[string]bool{}
		for i, domain := range domains {
			got := django.ValidateEmailIn(release, "a@"+domain) == nil
			if got == want[i] {
				continue
			}
			difference := slices.IndexFunc(emailTolerances, func(tolerance emailTolerance) bool { return tolerance.applies.MatchString(domain) })
			if difference < 0 || release.AtLeast("5.2") {
				t.Errorf("%q: %v, want %v", domain, got, want[i])
				continue
			}
			used[emailTolerances[difference].reason] = true
		}
		if !release.AtLeast("5.2") && len(used) != len(emailTolerances) {
			t.Errorf("of the tolerances only %v are needed", used)
		}
	})
}
