package commands

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

func (r *reportFile) write(to io.Writer, outcome string) error {
	now := r.app.Now().UTC().Truncate(time.Microsecond)
	database := r.app.databaseName()
	switch {
	case r.document != nil:
		return r.document(r, to, outcome)
	case r.form() == ".md":
		return r.markdown(to, outcome, database, now)
	}
	o := output.Options{Format: output.CSV}
	end := ""
	if r.form() == ".json" {
		o.Format, end = output.JSON, "}\n"
		head, err := json.Marshal(reportFileHead{reportFileSchema, r.command, database, now.UTC().Format(time.RFC3339Nano), outcome})
		if err == nil {
			_, err = fmt.Fprintf(to, "%s,\"rows\":", head[:len(head)-1])
		}
		if err != nil {
			return err
		}
	}
	columns, several := reportFileColumns, r.app.schemas != nil
	if several {
		columns = append(slices.Clone(columns), schemaColumn)
	}
	w, err := output.NewWriter(to, columns, o)
	if err != nil {
		return err
	}
	err = r.rows(outcome, func(row recordedRow) error {
		values := row.values(now)
		if several {
			values = append(values, output.String(row.schema))
		}
		return w.Write(values)
	})
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err = io.WriteString(to, end)
	return err
}

// reportFileHead is what the JSON of a report file says before its rows.
type reportFileHead struct {
	SchemaVersion int    `json:"schema_version"`
	Command       string `json:"command"`
	Database      string `json:"database"`
	Time          string `json:"time"`
	Outcome       string `json:"outcome"` // "done", "partly" or "unknown"
}

func (row *recordedRow) values(now time.Time) []output.Value {
	var u db.User
	if row.user != nil {
		u = *row.user
	}
	return []output.Value{output.Time(now), output.String(row.action), output.String(row.outcome), output.OptString(row.kind), output.OptString(row.id),
		output.OptString(u.Username), output.OptString(u.ID), output.Time(row.created), output.Time(row.expires), output.OptString(row.replaces),
		output.OptString(tokens.Hide(row.reason))}
}

// markdown writes the content for people.
func (r *reportFile) markdown(to io.Writer, outcome, database string, now time.Time) error {
	several, title, rule := r.app.schemas != nil, "", ""
	if several {
		title, rule = " schema |", "---|"
	}
	_, err := fmt.Fprintf(to, "# tokenctl %s\n\n- time: %s\n- database: %s\n- outcome: %s\n\n| action | outcome | id | user | user id | expires | reason |%s\n|---|---|---|---|---|---|---|%s\n",
		r.command, now.UTC().Format(time.RFC3339), cell(database), outcome, title, rule)
	if err != nil {
		return err
	}
	return r.rows(outcome, func(row recordedRow) error {
		var u db.User
		if row.user != nil {
			u = *row.user
		}
		id := row.id
		if row.replaces != "" {
			id += ", replaces " + row.replaces
		}
		last := ""
		if several {
			last = " " + cell(row.schema) + " |"
		}
		_, err := fmt.Fprintf(to, "| %s | %s | %s | %s | %s | %s | %s |%s\n", row.action, row.outcome, cell(id), cell(u.Username), cell(u.ID),
			moment(row.expires, ""), cell(tokens.Hide(row.reason)), last)
		return err
	})
}

// markdownSpecial is escaped in a cell: it would end the cell, or be markup.
var markdownSpecial = strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", `\<`, ">", `\>`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`)

// cell is text of the database in a cell of a table.
func cell(text string) string { return markdownSpecial.Replace(output.Visible(text)) }
