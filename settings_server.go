package tokenctl

import "unicode"

// ServerSettings are of tokenctl serve alone: Django and its packages have no
// introspection.
type ServerSettings struct {
	IntrospectionClientID         string `toml:"introspection_client_id"`          // who may introspect tokens besides staff
	IntrospectionClientSecretFile string `toml:"introspection_client_secret_file"` // holds that client's secret
}

// Validate refuses a client that could never authenticate.
func (s ServerSettings) Validate() error {
	if (s.IntrospectionClientID == "") != (s.IntrospectionClientSecretFile == "") {
		return &Error{Code: CodeConfigInvalid, Message: "server.introspection_client_id and server.introspection_client_secret_file go together",
			Hint: "give both, or neither: members of staff may introspect in any case"}
	}
	for _, u := range s.IntrospectionClientID {
		if !unicode.IsPrint(u) {
			return &Error{Code: CodeConfigInvalid, Message: "server.introspection_client_id must be text"}
		}
	}
	return nil
}
