package engine_test

import (
	"slices"
	"testing"

	"tokenctl/db/engine"
)

// TestExpr: only a %s outside of a quoted identifier is an argument.
func TestExpr(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		format string
		args   []any
		want   string
	}{
		{"a = %s", []any{1}, "a = $1"},
		{"a = %s and b < %s", []any{1, 2}, "a = $1 and b < $2"},
		{`"a%s" = %s`, []any{1}, `"a%s" = $1`},
		{`u."user%s name" = %s or "%s""%s" = %s`, []any{1, 2}, `u."user%s name" = $1 or "%s""%s" = $2`},
		{`"100%" = %s`, []any{1}, `"100%" = $1`},
		{`"""%s" = %s`, []any{1}, `"""%s" = $1`},
		{"a is null", nil, "a is null"},
	} {
		q := &engine.Query{}
		if got := q.Expr(test.format, test.args...); got != test.want || !slices.Equal(q.Args, test.args) {
			t.Errorf("%s: %s with %v, want %s with %v", test.format, got, q.Args, test.want, test.args)
		}
	}
}
