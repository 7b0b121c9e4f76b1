package tokenctl_test

import (
	"testing"

	"tokenctl"
)

// TestServerSettings: half a client is an error, not a client without a secret.
func TestServerSettings(t *testing.T) {
	for text, want := range map[string]tokenctl.Code{
		"": "",
		"[server]\nintrospection_client_id = 'gateway'\nintrospection_client_secret_file = 'secret'":      "",
		"[server]\nintrospection_client_id = 'gateway'":                                                   tokenctl.CodeConfigInvalid,
		"[server]\nintrospection_client_secret_file = 'secret'":                                           tokenctl.CodeConfigInvalid,
		"[server]\nintrospection_client_id = \"a\\nb\"\nintrospection_client_secret_file = 'secret'":      tokenctl.CodeConfigInvalid,
		"[server]\nintrospection_client_id = 'a'\nintrospection_client_secret_file = 's'\nunknown = true": tokenctl.CodeConfigInvalid,
	} {
		_, err := tokenctl.ParseSettings([]byte(text))
		if code := tokenctl.CodeOf(err); err != nil && code != want || err == nil && want != "" {
			t.Errorf("%s: %v", text, err)
		}
	}
}
