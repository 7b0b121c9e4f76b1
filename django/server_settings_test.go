package django_test

import (
	"testing"

	"tokenctl/django"
)

// TestServerSettings: half a client is an error, not a client without a secret.
func TestServerSettings(t *testing.T) {
	for text, want := range map[string]django.Code{
		"": "",
		"[server]\nintrospection_client_id = 'gateway'\nintrospection_client_secret_file = 'secret'":      "",
		"[server]\nintrospection_client_id = 'gateway'":                                                   django.CodeConfigInvalid,
		"[server]\nintrospection_client_secret_file = 'secret'":                                           django.CodeConfigInvalid,
		"[server]\nintrospection_client_id = \"a\\nb\"\nintrospection_client_secret_file = 'secret'":      django.CodeConfigInvalid,
		"[server]\nintrospection_client_id = 'a'\nintrospection_client_secret_file = 's'\nunknown = true": django.CodeConfigInvalid,
	} {
		_, err := django.ParseSettings([]byte(text))
		if code := django.CodeOf(err); err != nil && code != want || err == nil && want != "" {
			t.Errorf("%s: %v", text, err)
		}
	}
}
