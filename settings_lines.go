package tokenctl

import (
	"cmp"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// SettingLines returns the line of every setting of a tokenctl.toml that
// [ParseSettings] has read, by its name with its section: "knox.token_ttl". An
// inline table has one line, under the section's name.
func SettingLines(text []byte) map[string]int {
	lines := map[string]int{}
	section := ""
	p := unstable.Parser{}
	p.Reset(text)
	for p.NextExpression() {
		e := p.Expression()
		var parts []string
		line := 0
		for keys := e.Key(); keys.Next(); {
			node := keys.Node()
			parts = append(parts, string(node.Data))
			if line == 0 {
				line = p.Shape(node.Raw).Start.Line
			}
		}
		name := strings.Join(parts, ".")
		switch e.Kind {
		case unstable.Table:
			section = name + "."
		case unstable.ArrayTable:
			section = name + "."
			if lines[name] == 0 {
				lines[name] = line
			}
		case unstable.KeyValue:
			lines[section+name] = line
		}
	}
	return lines
}

// WithDefaults returns the settings with the peers' defaults filled in, where
// there is one value for all applications.
func (s Settings) WithDefaults() Settings {
	if s.Auth.AuthenticationBackends == nil {
		s.Auth.AuthenticationBackends = []string{ModelBackend}
	}
	s.Auth.PasswordHasher = cmp.Or(s.Auth.PasswordHasher, PBKDF2SHA256)
	s.Auth.PasswordValidators = cmp.Or(s.Auth.PasswordValidators, &DefaultPasswordValidators)
	s.DRF.Keyword = s.TokenKeyword()
	s.Knox.AuthHeaderPrefix = s.Knox.HeaderPrefix()
	s.Knox.AuthTokenCharacterLength = s.Knox.TokenLength()
	s.Knox.SecureHashAlgorithm = cmp.Or(s.Knox.SecureHashAlgorithm, defaultKnoxHash)
	s.Knox.MinRefreshInterval = cmp.Or(s.Knox.MinRefreshInterval, &Seconds{DefaultMinRefreshInterval})
	s.SimpleJWT = s.SimpleJWT.WithDefaults()
	s.Denylist = s.Denylist.WithDefaults()
	s.Audit = s.Audit.WithDefaults()
	s.Session.Engine = s.Session.EngineModule()
	s.Session.Serializer = s.Session.serializerClass()
	s.Session.CookieName = s.Session.Cookie()
	s.Session.CookieAge = Seconds{s.Session.Age()}
	s.Session = s.Session.withCacheDefaults()
	s.Time.UseTZ = cmp.Or(s.Time.UseTZ, new(true))
	if s.Time.TimeZone == "" && !*s.Time.UseTZ {
		s.Time.TimeZone = defaultTimeZone
	}
	return s
}
