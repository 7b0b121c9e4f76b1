package server

import (
	"tokenctl/django"
)

// A client's values are kept as Python's values, because the answers describe them so: nil,
// bool, pyInt, float64, string, []any, dict, and *upload for a file of a multipart form. A
// string may contain lone surrogates: see [django.PythonJSON].

// pyInt is a Python int.
type pyInt = django.PythonInteger

// dict is a Python dict.
type dict = django.PythonDict

// upload is a file of a form. No view uses its content, only its name.
type upload struct{ name string }
