package engine_test

import (
	"fmt"
	"math"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
)

// TestArray: PostgreSQL reads of an array what it reads of the driver's text.
func TestArray(t *testing.T) {
	t.Parallel()
	s := open(t, dbtest.Postgres(t), engine.Options{})
	err := s.Transact(t.Context(), engine.Mode{ReadOnly: true}, func(tx *engine.Tx) error {
		for typ, values := range map[string][]any{
			"text":    {"", "a", `"{},\ NULL`, "null", "ä€😀", "line\nend "},
			"varchar": {"0123456789abcdef", ""},
			"int8":    {int64(0), int64(-1), int64(math.MaxInt64), int64(math.MinInt64)},
			"int4":    {int64(0), int64(-1), int64(math.MaxInt32), int64(math.MinInt32)},
			"int2":    {int64(7)}, // one that arrayOf does not know
			"uuid":    {"00112233-4455-6677-8899-aabbccddeeff"},
			"bpchar":  {"a", "b "},
		} {
			for _, list := range [][]any{values, values[:1], {}} {
				same, err := tx.SameArray(t.Context(), typ, list)
				if err != nil || !same {
					t.Errorf("%s %q: %v, %v", typ, list, same, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkArray(b *testing.B) {
	values := make([]any, 5000)
	for i := range values {
		values[i] = fmt.Sprintf("%040x", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		engine.ArrayOf("varchar", values)
	}
}
