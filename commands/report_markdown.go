package commands

import (
	"fmt"
	"io"
	"strings"
	"time"

	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// markdown writes the report for people.
func (r *report) markdown(to io.Writer, outcome, database string, now time.Time) error {
	several, title, rule := r.app.schemas != nil, "", ""
	if several {
		title, rule = " schema |", "---|"
	}
	_, err := fmt.Fprintf(to, "# tokenctl %s\n\n- time: %s\n- database: %s\n- outcome: %s\n\n| action | outcome | id | user | user id | expires | reason |%s\n|---|---|---|---|---|---|---|%s\n",
		r.command, now.UTC().Format(time.RFC3339), cell(database), outcome, title, rule)
	if err != nil {
		return err
	}
	return r.rows(outcome, func(row reportRow) error {
		var u db.User
		if row.user != nil {
			u = *row.user
		}
		id := row.id
		if row.replaces != "" {
			id += ", replaces " + row.replaces
		}
		expires := ""
		if !row.expires.IsZero() {
			expires = row.expires.UTC().Format(time.RFC3339)
		}
		last := ""
		if several {
			last = " " + cell(row.schema) + " |"
		}
		_, err := fmt.Fprintf(to, "| %s | %s | %s | %s | %s | %s | %s |%s\n", row.action, row.outcome, cell(id), cell(u.Username), cell(u.ID), expires, cell(tokens.Hide(row.reason)), last)
		return err
	})
}

// markdownSpecial is escaped in a cell: it would end the cell, or be markup.
var markdownSpecial = strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", `\<`, ">", `\>`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`)

// cell is text of the database in a cell of a table.
func cell(text string) string { return markdownSpecial.Replace(output.Visible(text)) }
