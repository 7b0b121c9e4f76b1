package commands

import (
	"fmt"
	"slices"
	"time"

	"tokenctl/output"
	"tokenctl/scan"
)

// sarif is the output format that only findings have.
const sarif = "sarif"

var findingColumns = []output.Column{{Name: "path", Whole: true}, {Name: "line"}, {Name: "column"}, {Name: "commit", Extra: true, Whole: true}, {Name: "form"}, {Name: "kind", Within: "id"},
	{Name: "type", Extra: true}, {Name: "id", Decides: true}, {Name: "user", Decides: true}, {Name: "user_id", Extra: true}, statusColumn, {Name: "is_staff", Extra: true}, {Name: "is_superuser", Extra: true}}

func findingRow(f *scan.Finding) []output.Value {
	m := f.Match
	return []output.Value{output.String(f.Path), output.Int(int64(f.Line)), output.Int(int64(f.Column)), output.OptString(f.Commit), output.String(f.Form.String()),
		output.String(m.Kind), output.OptString(m.Type), output.OptString(m.ID), output.OptString(m.User), output.OptString(m.UserID), output.OptString(m.Status),
		output.OptBool(m.Staff), output.OptBool(m.Superuser)}
}

// scanProgress is like "1.2 GiB, 640 MiB/s, 1234 candidates, 3 found".
func scanProgress(c *scan.Counts, taken time.Duration) string {
	n := c.Bytes.Load()
	rate := float64(n) / max(taken.Seconds(), 0.001)
	return fmt.Sprintf("%s, %s/s, %d candidates, %d found", bytesText(float64(n)), bytesText(rate), c.Candidates.Load(), c.Found.Load())
}

func bytesText(n float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for n >= 1024 && i < len(units)-1 {
		n, i = n/1024, i+1
	}
	if i == 0 || n >= 100 {
		return fmt.Sprintf("%.0f %s", n, units[i])
	}
	return fmt.Sprintf("%.1f %s", n, units[i])
}

// findingWriter writes findings in the output format.
type findingWriter interface {
	Write(*scan.Finding) error
	Flush() error
	Close() error
}

type findingRows struct{ *output.Writer }

// Write writes a finding as a row.
func (r findingRows) Write(f *scan.Finding) error { return r.Writer.Write(findingRow(f)) }

func (o *scanOptions) writer() (findingWriter, error) {
	a := o.app
	if a.global.output == sarif {
		if a.global.field != "" || a.global.columns != nil {
			return nil, usage("--field and --columns do not go with -o sarif", "leave them out")
		}
		return newScanSARIF(a.Stdout), nil
	}
	columns := slices.Clone(findingColumns)
	if o.git != "" {
		columns[3].Extra = false
	}
	w, err := output.NewWriter(a.Stdout, columns, a.options(false))
	return findingRows{w}, err
}
