package tokenctl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestSecretPrintsAsRedacted: no printer or encoder shows a secret, however deep
// it is buried.
func TestSecretPrintsAsRedacted(t *testing.T) {
	const plain = "canary-a35407cd"
	secret := NewSecret(plain)
	type exported struct{ Secret Secret }
	type hidden struct {
		secret Secret
		list   []Secret
		named  map[string]Secret
	}
	values := []any{secret, &secret, []Secret{secret}, exported{secret}, &exported{secret},
		hidden{secret, []Secret{secret}, map[string]Secret{"a": secret}}, map[string]any{"a": exported{secret}}}
	var out bytes.Buffer
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
		if text, err = yaml.Marshal(v); err != nil {
			t.Fatal(err)
		}
		out.Write(text)
	}
	if hex := fmt.Sprintf("%x", plain); strings.Contains(out.String(), plain) || strings.Contains(strings.ToLower(out.String()), hex) {
		t.Errorf("the secret shows in\n%s", out.String())
	}
	if !strings.Contains(out.String(), Redacted) {
		t.Error("nothing says that a secret was left out")
	}
}

func TestSecretEqual(t *testing.T) {
	if !NewSecret("a").Equal(NewSecret("a")) || NewSecret("a").Equal(NewSecret("b")) || NewSecret("a").Equal(Secret{}) {
		t.Error("Equal compares wrongly")
	}
	if !(Secret{}).IsZero() || !NewSecret("").IsZero() || NewSecret("a").IsZero() {
		t.Error("IsZero is wrong")
	}
	if (Secret{}).Reveal() != "" || NewSecret("a").Reveal() != "a" {
		t.Error("Reveal is wrong")
	}
}
