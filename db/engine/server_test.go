package engine

import (
	"strings"
	"testing"
)

func TestLogging(t *testing.T) {
	t.Parallel()
	v12 := map[string]string{"log_statement": "none", "log_min_duration_statement": "-1", "log_transaction_sample_rate": "0"}
	v15 := map[string]string{"log_statement": "none", "log_min_duration_statement": "-1", "log_min_duration_sample": "-1", "log_statement_sample_rate": "1",
		"log_transaction_sample_rate": "0", "log_parameter_max_length": "-1", "log_parameter_max_length_on_error": "0"}
	for _, test := range []struct {
		name     string
		server   map[string]string
		set      map[string]string
		settings string
		fix      string
	}{
		{"12 by default", v12, nil, "", ""},
		{"15 by default", v15, nil, "", ""},
		{"12 all", v12, map[string]string{"log_statement": "all"}, "log_statement = all", "alter role r set log_statement = none"},
		{"15 ddl", v15, map[string]string{"log_statement": "ddl"}, "", ""},
		{"15 mod", v15, map[string]string{"log_statement": "mod"}, "log_statement = mod", "alter role r set log_parameter_max_length = 0"},
		{"15 slow", v15, map[string]string{"log_min_duration_statement": "250"}, "log_min_duration_statement = 250", "alter role r set log_parameter_max_length = 0"},
		{"15 sampled", v15, map[string]string{"log_min_duration_sample": "0"}, "log_min_duration_sample = 0", "alter role r set log_parameter_max_length = 0"},
		{"15 without parameters", v15, map[string]string{"log_statement": "all", "log_parameter_max_length": "0"}, "", ""},
		{"15 on error", v15, map[string]string{"log_parameter_max_length_on_error": "-1"}, "log_parameter_max_length_on_error = -1", "alter role r set log_parameter_max_length_on_error = 0"},
		{"pgaudit", v15, map[string]string{"pgaudit.log": "write", "pgaudit.log_parameter": "on"}, "pgaudit.log_parameter = on", "alter role r set pgaudit.log_parameter = off"},
	} {
		set := map[string]string{}
		for _, m := range []map[string]string{test.server, test.set} {
			for name, value := range m {
				set[name] = value
			}
		}
		if got := logging(set, "r"); strings.Join(got.Settings, ", ") != test.settings || got.Fix != test.fix {
			t.Errorf("%s: got %+v, want %s; %s", test.name, got, test.settings, test.fix)
		}
	}
}
