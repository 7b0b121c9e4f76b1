package commands

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/output"
)

// fieldRow has the fields of the rows that some commands write.
type fieldRow struct {
	commands []string
	columns  []output.Column
	further  []output.Column // which --columns or --field must name
	flagged  []output.Column // which other flags bring
}

// rowFields returns the fields of all rows, for completion, help, the documents and checkFields.
func rowFields() []fieldRow {
	return []fieldRow{
		{commands: []string{"list"}, columns: credentialColumns, further: auditColumns, flagged: []output.Column{tokenColumn}},
		{commands: []string{"expire", "blacklist", "unblacklist"}, columns: credentialColumns},
		{commands: []string{"show"}, columns: showColumns, further: usedColumns, flagged: []output.Column{tokenColumn}},
		{commands: []string{"mint"}, columns: slices.Concat(credentialColumns, secretColumns), flagged: userColumns},
		{commands: []string{"rotate"}, columns: slices.Concat(credentialColumns, secretColumns, []output.Column{{Name: "replaces"}})},
		{commands: []string{"verify"}, columns: verifyColumns},
		{commands: []string{"purge"}, columns: purgeColumns},
		{commands: []string{"incident"}, columns: incidentColumns},
		{commands: []string{"scan"}, columns: findingColumns},
		{commands: []string{"scan bundle"}, columns: bundleColumns},
		{commands: []string{"user list"}, columns: userColumns, further: userListColumns},
		{commands: []string{"user show"}, columns: userColumns},
		{commands: []string{"user mfa list", "user mfa reset"}, columns: factorColumns},
		{commands: []string{"audit"}, columns: auditFindingColumns, flagged: slices.Concat(credentialColumns, purgeColumns, userColumns)},
		{commands: []string{"stats"}, columns: statsColumns},
		{commands: []string{"report"}, columns: reportPageColumns},
		{commands: []string{"grants"}, columns: grantColumns},
		{commands: []string{"denylist list", "denylist remove"}, columns: denylistColumns},
		{commands: []string{"denylist check"}, columns: denylistCheckColumns},
		{commands: []string{"journal list"}, columns: journalColumns},
		{commands: []string{"journal show"}, columns: journalShowColumns},
		{commands: []string{"journal verify"}, columns: journalVerifyColumns},
		{commands: []string{"journal rotate"}, columns: journalRotateColumns},
		{commands: []string{"user activate", "user deactivate", "user delete"}, columns: userColumns},
		{commands: []string{"user create", "user password"}, columns: passwordColumns(true)},
		{commands: []string{"context list", "context show", "context add", "context remove"}, columns: databaseContextColumns},
		{commands: []string{"config show"}, columns: configColumns},
		{commands: []string{"config import"}, columns: importColumns},
		{commands: []string{"doctor"}, columns: doctorColumns},
		{commands: []string{"init"}, columns: initColumns},
		{commands: []string{"serve"}, columns: serveColumns},
		{commands: []string{"version"}, columns: versionColumns},
	}
}

// known returns the fields that --columns and --field always know.
func (r fieldRow) known() []output.Column { return slices.Concat(r.columns, r.further) }

func columnNames(columns []output.Column) []string {
	return tokenctl.Mapped(columns, func(c output.Column) string { return c.Name })
}

// fieldsOf returns the fields of the rows that a command writes. There are none if it writes no rows.
func fieldsOf(c *cobra.Command) fieldRow {
	path := strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
	for _, r := range rowFields() {
		if slices.Contains(r.commands, path) {
			return r
		}
	}
	return fieldRow{}
}

// checkFields refuses a field that no row of the command can have, before the command does anything.
func (a *App) checkFields(c *cobra.Command) error {
	r := fieldsOf(c)
	if r.columns == nil || a.global.output == sarif {
		return nil
	}
	all := slices.Concat(r.known(), r.flagged, []output.Column{reasonColumn, schemaColumn})
	if _, err := output.NewWriter(io.Discard, all, a.options(false)); err == nil {
		return nil
	}
	_, err := output.NewWriter(io.Discard, r.columns, a.options(false))
	if field := new(output.UnknownFieldError); errors.As(err, &field) && r.further != nil {
		return usage(field.Error(), "--columns and --field also know "+strings.Join(columnNames(r.further), ", "))
	}
	return err
}
