package output

import (
	"errors"
	"slices"
	"testing"
)

func TestFieldPaths(t *testing.T) {
	cols := []Column{{Name: "id"}, {Name: "owner", Fields: []string{"name", "rights.staff"}}, {Name: "claims", Fields: AnyField}, {Name: "claims.x"}}
	claims := `{"sub":"7","aud":["a","b\nc",{"k":null}],"exp":12345678901234567890,"ok":false,"none":null,"":{"":1},"a.b":{"c":1},"a":{"b":{"c":2,"d":3}},"https://x.y/role":"admin","e":"` + "\u202e" + `"}`
	row := []Value{String("drf:1"), Object([]string{"name", "rights.staff"}, []Value{OptString("al\nice"), Bool(true)}), Raw([]byte(claims)), Int(5)}
	for path, want := range map[string]string{
		"id": "drf:1", "owner": `name=al\nice rights.staff=true`, "owner.name": `al\nice`, "owner.rights.staff": "true",
		"claims.sub": "7", "claims.aud": `["a","b\nc",{"k":null}]`, "claims.aud.0": "a", "claims.aud.1": `b\nc`, "claims.aud.2": `{"k":null}`, "claims.aud.2.k": "",
		"claims.aud.3": "", "claims.aud.-1": "", "claims.aud.x": "", "claims.aud.0.x": "", "claims.exp": "12345678901234567890", "claims.ok": "false",
		"claims.none": "", "claims.none.x": "", "claims.sub.x": "", "claims.lacking": "", "claims.s": "", "claims.subs": "",
		"claims.a.b": `{"c":1}`, "claims.a.b.c": "1", "claims.a.b.d": "", "claims.https://x.y/role": "admin", "claims.x": "5", "claims..": `{"":1}`, "claims...": "1", "claims.e": "\u202e",
	} {
		expect(t, render(t, cols, Options{Field: path}, slices.Clone(row)), want+"\n")
	}
	null := []Value{Null(), Null(), Null(), Null()}
	for _, path := range []string{"owner.name", "claims.sub"} {
		expect(t, render(t, cols, Options{Field: path}, slices.Clone(null)), "\n")
	}
	expect(t, render(t, cols, Options{Field: "claims.aud.1", Single: true}, slices.Clone(row)), "b\nc\n")
	names := []string{"id", "owner", "claims", "claims.x"}
	for path, valid := range map[string][]string{
		"owner.nobody": {"owner.name", "owner.rights.staff"}, "owner.": names, "claims.": names, "id.x": names, "own": names, "Owner.name": names, ".": names,
	} {
		_, err := NewWriter(nil, cols, Options{Field: path})
		if unknown := new(UnknownFieldError); !errors.As(err, &unknown) || unknown.Name != path || !slices.Equal(unknown.Valid, valid) {
			t.Errorf("%q: %v", path, err)
		}
	}
}
