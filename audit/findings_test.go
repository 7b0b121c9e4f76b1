package audit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestFindingsOrder: the findings of a rule come in the order in which they were found, and those of a section
// by id in the order of the ids, also when most of them are in the temporary file.
func TestFindingsOrder(t *testing.T) {
	const many = 40_000
	f := newFindings()
	defer f.Close()
	low, high := RuleNamed("dead-rows"), RuleNamed("privileged-token")
	f.add(&Finding{Rule: low, Severity: Low, ID: "drf:9", Message: "first"})
	f.add(&Finding{Rule: low, Severity: Low, ID: "drf:10"})
	f.section(true)
	ids := make([]string, many)
	for i := range ids {
		ids[i] = fmt.Sprintf("knox:%06d", i)
	}
	mixed := slices.Clone(ids)
	rand.Shuffle(many, func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	for _, id := range mixed {
		f.add(&Finding{Rule: low, Severity: Low, Kind: "knox", ID: id, User: "a", UserID: "1", Subject: "", Message: "it is one of many findings of the same rule, " + id, Fix: "tokenctl blacklist " + id})
	}
	f.add(&Finding{Rule: high, Severity: High, ID: "knox:x"})
	f.section(false)
	f.add(&Finding{Rule: low, Severity: Low, ID: "jwt:b"})
	f.add(&Finding{Rule: low, Severity: Low, ID: "jwt:a"})
	if f.file == nil || len(f.spans) == 0 {
		t.Fatal("nothing is in the temporary file")
	}
	want := slices.Concat([]string{"knox:x", "drf:9", "drf:10"}, ids, []string{"jwt:b", "jwt:a"})
	for range 2 { // a baseline reads them, too
		var got []string
		for v, err := range f.All() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, v.ID)
			if v.Kind == "knox" && (v.Rule != low || v.Severity != Low || v.User != "a" || v.UserID != "1" || v.Message[len(v.Message)-len(v.ID):] != v.ID || v.Fix != "tokenctl blacklist "+v.ID) {
				t.Fatalf("%+v", v)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%d findings, which begin with %q and end with %q", len(got), got[:4], got[len(got)-3:])
		}
	}
}
