package commands

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
)

// maxCSV bounds a CSV file, in bytes: some million users.
const maxCSV = 256 << 20

// csvFile is the file of --from-csv, which may be read more than once.
type csvFile struct {
	name string
	text io.ReadSeeker
	io.Closer
	sum       uint32 // checksum of the whole text; 0: not read yet
	passwords bool   // the file has a column of passwords
}

// openCSV opens the file of --from-csv, or returns nil without that flag. A file that is not regular can be read only
// once, so it is kept in memory.
func (o *userCreateOptions) openCSV(ctx context.Context) (*csvFile, error) {
	var f *os.File
	file := &csvFile{name: o.fromCSV, Closer: io.NopCloser(nil)}
	from := o.app.Stdin
	switch o.fromCSV {
	case "":
		return nil, nil
	case "-":
		file.name = "standard input"
	default:
		var err error
		if f, err = openInput(ctx, o.fromCSV); err != nil {
			return nil, err
		}
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			file.text, file.Closer = f, f
			return file, nil
		}
		defer f.Close()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(patientReader{ctx, from}, maxCSV))
	if err != nil {
		return nil, file.problem(err)
	}
	file.text = bytes.NewReader(text)
	return file, nil
}

// where returns the beginning of an error about a line. It is empty without a file.
func (f *csvFile) where(line int) string {
	if f == nil {
		return ""
	}
	return fmt.Sprintf("%s line %d: ", f.name, line)
}

// each calls do for every user in the file. base has the values of the flags, for all users. Errors name the line and
// never quote a cell, which may be a password.
func (f *csvFile) each(ctx context.Context, u *db.UserTable, base db.NewUser, do func(*userEntry) error) error {
	if _, err := f.text.Seek(0, io.SeekStart); err != nil {
		return f.problem(err)
	}
	sum := crc32.NewIEEE()
	limited := &io.LimitedReader{R: f.text, N: maxCSV}
	text, err := unmarked(io.TeeReader(limited, sum), f.name)
	if err != nil {
		return f.problem(err)
	}
	r := csv.NewReader(text)
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return usage(f.name+" is empty", "its first line names the columns, such as username,email,password")
	}
	if err != nil {
		return f.problem(err)
	}
	columns, err := csvColumns(u, f.name, header, base.Set)
	if err != nil {
		return err
	}
	f.passwords = slices.Contains(columns, "password")
	further := slices.ContainsFunc(columns, func(c string) bool { return strings.HasPrefix(c, ".") })
	r.ReuseRecord = true
	for users := 0; ; users++ {
		record, err := r.Read()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case limited.N == 0:
			return usage(fmt.Sprintf("the input is longer than %d KiB", maxCSV>>10), "")
		case errors.Is(err, io.EOF) && users == 0:
			return usage(f.name+" has no users, only a header", "")
		case errors.Is(err, io.EOF) && f.sum != 0 && f.sum != sum.Sum32():
			return &tokenctl.Error{Code: tokenctl.CodeChanged, Message: f.name + " was changed while it was read", Hint: "nothing was done; run the command again"}
		case errors.Is(err, io.EOF):
			f.sum = sum.Sum32()
			return nil
		case err != nil:
			return f.problem(err)
		}
		n := &userEntry{NewUser: base, file: f}
		n.line, _ = r.FieldPos(0)
		if further {
			n.Set = maps.Clone(base.Set)
		}
		for i, value := range record {
			if err := n.fill(u, columns[i], value); err != nil && n.fault == nil {
				n.fault = err
			}
		}
		if err := do(n); err != nil {
			return err
		}
	}
}

// problem returns the error for a file that cannot be read or is not CSV.
func (f *csvFile) problem(err error) error {
	var parse *csv.ParseError
	var number syscall.Errno
	switch {
	case errors.As(err, &parse):
		return usage(fmt.Sprintf("%s line %d: %s", f.name, parse.Line, parse.Err), "put cells with commas, quotes or line breaks into double quotes")
	case errors.As(err, &number):
		return &tokenctl.Error{Code: tokenctl.CodeFailed, Message: "cannot read " + f.name + ": " + tokenctl.Reason(err), Err: err}
	}
	return err
}

// userFields are the columns of a CSV file for which NewUser has a field.
var userFields = []string{"email", "first_name", "last_name", "is_staff", "is_superuser", "is_active", "password"}

// csvColumns checks the header and returns the field of every column. The field of the name is "username", whatever the
// column's name in the table is.
func csvColumns(u *db.UserTable, file string, header []string, set map[string]string) ([]string, error) {
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
	}
	where := file + " line 1: "
	name := u.Username
	if !slices.Contains(header, name) {
		name = "username"
	}
	if !slices.Contains(header, name) {
		// If the file has no header, this line is data and may contain a password.
		return nil, usage(where+"there is no column "+u.Username, "the first line names the columns, such as "+u.Username+",first_name,password")
	}
	var columns []string
	for _, column := range header {
		_, given := set[column]
		switch {
		case slices.Index(header, column) != len(columns):
			return nil, usage(where+"the column "+column+" is repeated", "")
		case given:
			return nil, usage(where+"the column "+column+" is given by --set as well", "")
		case column == u.Key:
			return nil, usage(where+"the primary key "+column+" cannot be set by the file", "leave out the column")
		case column == name:
			column = "username"
		case slices.Contains(userFields, column):
		case column == "username" || !hasColumn(u, column):
			if column == "username" && hasColumn(u, column) {
				column = "." + column // another column of the table than USERNAME_FIELD
				break
			}
			return nil, usage(where+"the user table "+u.Name+" has no column "+column,
				"the columns are "+u.Username+", "+strings.Join(userFields, ", ")+" and any other column of the table")
		default:
			column = "." + column
		}
		columns = append(columns, column)
	}
	return columns, nil
}

func hasColumn(u *db.UserTable, name string) bool { return findColumn(u, name) != nil }

func findColumn(u *db.UserTable, name string) *engine.Column {
	for _, t := range append([]*engine.Table{u.Table}, u.Children...) {
		if c := t.Column(name); c != nil {
			return c
		}
	}
	return nil
}

// fill sets the field of one cell. A leading dot marks a column for which NewUser has no field.
func (n *userEntry) fill(u *db.UserTable, field, value string) (err error) {
	plain, isPlain := strings.CutPrefix(field, ".")
	switch {
	case isPlain:
		// An empty cell means the database's default, or NULL. If the column is not null and has no default, it means
		// the empty text, as in Django's forms.
		if c := findColumn(u, plain); value != "" || c.Text && c.NotNull && !c.HasDefault {
			n.Set[plain] = value
		}
	case field == "username":
		n.Username = value
	case field == "email":
		n.Email = value
	case field == "first_name":
		n.FirstName = value
	case field == "last_name":
		n.LastName = value
	case field == "is_staff":
		err = truth(field, value, &n.IsStaff)
	case field == "is_superuser":
		err = truth(field, value, &n.IsSuperuser)
	case field == "is_active":
		err = truth(field, value, &n.IsActive)
	case field == "password" && value != "":
		n.password, err = passwordLine(value, "the password")
	}
	return err
}

// truth reads a boolean. An empty cell keeps the default.
func truth(field, value string, into *bool) error {
	switch strings.ToLower(value) {
	case "":
	case "true", "1", "yes":
		*into = true
	case "false", "0", "no":
		*into = false
	default:
		return &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: field + " is neither true nor false", Hint: "write true, false, 1, 0, yes or no; empty is the default"}
	}
	return nil
}

// prefixed adds the place of an error in front of its message.
func prefixed(where string, err error) error {
	var e *tokenctl.Error
	if where == "" || !errors.As(err, &e) {
		return err
	}
	return &tokenctl.Error{Code: e.Code, Message: where + e.Message, Hint: e.Hint, Err: e.Err}
}
