package tokenctl

import "testing"

func TestInvisible(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "alice": "", "zoë müller": "", "a b": "", "日本": "",
		"a\x00b": "a NUL character (U+0000)", "a\tb": "a control character (U+0009)", "a\u0085": "a control character (U+0085)",
		"a\u00a0b": "a no-break space (U+00A0)", "a\u202fb": "a no-break space (U+202F)", "\ufeffa": "a byte order mark (U+FEFF)",
		"a\u200b": "a zero-width character (U+200B)", "\u2060a": "a zero-width character (U+2060)",
		"a\u3000b": "a space that is not the common one (U+3000)", "a\u2028": "a space that is not the common one (U+2028)",
		"a\u00ad": "an invisible character (U+00AD)", "a\u202e": "an invisible character (U+202E)", "\u2764\ufe0f": "", "a\ufe01": "an invisible character (U+FE01)", "a\u2800": "an invisible character (U+2800)",
		"a\u3164": "an invisible character (U+3164)", "a\U000e0041": "an invisible character (U+E0041)", "a\u061c\u200b": "an invisible character (U+061C)",
	} {
		if got := Invisible(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
