package django_test

import (
	"encoding/json"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django"
	"tokenctl/django/djangotest"
)

// TestClaimValues: what Python's int(), str() and bool() make of a claim.
func TestClaimValues(t *testing.T) {
	t.Parallel()
	values := []string{"0", "-0", "7", "-7", "123456789012345678901234567890", "1.0", "1.5", "-1.5", "-0.0", "1e300", "1e-7", "NaN", "Infinity", "-Infinity", "true", "false", "null",
		`""`, `"0"`, `" 7 "`, `"+7"`, `"-7"`, `"--7"`, `"7_000"`, `"_7"`, `"7_"`, `"7__0"`, `"0007"`, `"1.0"`, `"0x10"`, `"abc"`, `"٧"`, `"७७"`, `"𝟙2"`, `"²"`, `"7\u0000"`, `" 7\u00a0"`, `"\u001c7"`, `"\u001c\u0667"`, `"\t\n\u000b\f\r 7"`, `"\u200b7"`,
		"[]", "{}", "[1]", `["a", 'b"]`, `["a","b'c","\"","'\"","\n\\\u0000\u007f\u00e9\u00ad\u2028\ud83d\ude00\udb40\udc01"]`, `{"a":[null,true,{"b":1.5,"c":[NaN,-Infinity]}],"":{}}`, `"ä\n"`}
	type answer struct {
		Int   *string `json:"int"`
		Text  string  `json:"text"`
		Falsy bool    `json:"falsy"`
	}
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		var answers []struct {
			Claim json.RawMessage `json:"claim"`
			answer
		}
		var texts []string
		p.Project(t, dbtest.SQLite(t), djangotest.Options{}).Eval(`
import json
texts, result = [], []
for text in values:
    try:
        value = json.loads(text)
    except ValueError:
        continue
    try:
        number = str(int(value))
    except (TypeError, ValueError, OverflowError):
        number = None
    texts.append(json.dumps(value, separators=(",", ":")))
    result.append({"int": number, "text": str(value), "falsy": not value})
result = [texts, result]
`, &[]any{&texts, &answers}, djangotest.Vars{"values": values})
		if len(texts) < len(values)-1 {
			t.Fatalf("Python read %d of %d values", len(texts), len(values))
		}
		for i, text := range texts {
			claim, want := json.RawMessage(text), answers[i].answer
			got := answer{Text: django.ClaimText(claim), Falsy: django.ClaimFalsy(claim)}
			if n, err := django.ClaimInt(claim); err == nil {
				digits := n.String()
				got.Int = &digits
			}
			if shown(t, got) != shown(t, want) {
				t.Errorf("%s: got %s, want %s", text, shown(t, got), shown(t, want))
			}
		}
	})
}

func shown(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
