package tokens

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl/db"
)

func listOf(err error, list ...Credential) iter.Seq2[Credential, error] {
	return func(yield func(Credential, error) bool) {
		for _, c := range list {
			if !yield(c, nil) {
				return
			}
		}
		if err != nil {
			yield(Credential{}, err)
		}
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
	owner := func(id, name string) db.User { return db.User{ID: id, Username: name} }
	all := []Credential{
		{Kind: "drf", ID: "drf:10@a", Owner: owner("10", "zoë"), Created: day(1), Status: Active},
		{Kind: "drf", ID: "drf:2@b", Owner: owner("2", "alice"), Created: day(3), Status: Disabled},
		{Kind: "knox", ID: "knox:aa", Owner: owner("2", "alice"), Created: day(2), Expires: day(9), Status: Active},
		{Kind: "session", ID: "session:x", Expires: day(5), Status: Expired},
	}
	for _, test := range []struct {
		sort string
		desc bool
		want string
	}{
		{"created", false, "drf:10@a knox:aa drf:2@b session:x"},
		{"created", true, "drf:2@b knox:aa drf:10@a session:x"}, // unknown last either way
		{"expires", false, "session:x knox:aa drf:10@a drf:2@b"},
		{"user_id", false, "drf:2@b knox:aa drf:10@a session:x"},
		{"user", true, "drf:10@a drf:2@b knox:aa session:x"},
		{"id", true, "session:x knox:aa drf:2@b drf:10@a"},
		{"kind", true, "session:x knox:aa drf:10@a drf:2@b"},
		{"status", false, "drf:10@a knox:aa drf:2@b session:x"},
		{"type", false, "drf:10@a drf:2@b knox:aa session:x"},
	} {
		s := Selector{Sort: test.sort, Descending: test.desc}
		var lists []iter.Seq2[Credential, error]
		for _, kind := range []string{"drf", "knox", "session"} {
			var list []Credential
			for _, c := range all {
				if c.Kind == kind {
					list = append(list, c)
				}
			}
			slices.SortFunc(list, func(a, b Credential) int { return s.order(&a, &b) })
			lists = append(lists, listOf(nil, list...))
		}
		var got []string
		for c, err := range merge(lists, s.order) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, c.ID)
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("by %s, descending %t: %s, want %s", test.sort, test.desc, text, test.want)
		}
	}
}

func TestMergeEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	s := Selector{Sort: "id"}
	var got []string
	var failed error
	for c, err := range merge([]iter.Seq2[Credential, error]{listOf(broken, Credential{ID: "a"}), listOf(nil, Credential{ID: "b"})}, s.order) {
		if failed = err; err == nil {
			got = append(got, c.ID)
		}
	}
	if failed != broken || strings.Join(got, "") != "a" {
		t.Errorf("%v, then %v", got, failed)
	}
	// A consumer that has had enough ends every list.
	for range merge([]iter.Seq2[Credential, error]{listOf(nil, Credential{ID: "a"}, Credential{ID: "b"})}, s.order) {
		break
	}
}
