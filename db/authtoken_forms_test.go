package db_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tokenctl/db"
	"tokenctl/db/dbtest"
)

// TestKeyForms: every key is counted under the least set of letters that holds it.
func TestKeyForms(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, _, address string) {
		t.Parallel()
		const marks = `-_.~+/=!#$%&*:@^\]`
		s := initialised(t, address, db.Options{})
		keys := []string{"0123456789abcdef", "fedcba9876543210", "0123456789abcdeg", "0123456789Abcdef", "ab-cd", "ab^cd", `ab\cd`, "ab]cd", "ab[cd", "ab cd", "äbcde", "^abc", "ab\ncd", ""}
		for i, key := range keys {
			execute(t, address, fmt.Sprintf("insert into auth_user (id, username, password, is_active, is_staff, is_superuser, first_name, last_name, email, date_joined) values (%d, 'u%d', '', true, false, false, '', '', '', '2026-01-01')", i+1, i+1))
			execute(t, address, fmt.Sprintf("insert into authtoken_token (key, created, user_id) values ('%s', '2026-01-01', %d)", strings.ReplaceAll(key, "'", "''"), i+1))
		}
		got, err := s.KeyForms(t.Context(), marks)
		want := []db.KeyForm{{0, "hex", 1}, {4, "visible", 1}, {5, "other", 4}, {5, "visible", 4}, {16, "hex", 2}, {16, "lower", 1}, {16, "word", 1}}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	})
}
