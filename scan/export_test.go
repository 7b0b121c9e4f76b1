package scan

// Encoding writes a secret in a form.
type Encoding struct {
	Name   string
	Form   Form
	Encode func(secret string) string
}

// Encodings are the ways of writing a secret that are tested.
func Encodings() (list []Encoding) {
	for _, e := range encodings {
		list = append(list, Encoding{e.name, e.form, e.encode})
	}
	return list
}
