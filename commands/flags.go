package commands

import (
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tokenctl"
	"tokenctl/output"
)

// A flag that narrows must never widen by accident: --user "" is not everybody. So an
// empty value is an error, whatever the flag is for, and what was not given is told from
// what was given as zero.

// mayBeEmpty are the flags whose empty value means something: an empty column.
var mayBeEmpty = map[string]bool{"email": true, "first-name": true, "last-name": true}

// emptyFlag refuses an empty value of any flag of the command.
func emptyFlag(c *cobra.Command) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		empty := f.Value.String() == "" && !mayBeEmpty[f.Name]
		switch v := f.Value.(type) {
		case *listValue:
			empty = v.empty
		case *settingValue:
			empty = false // settings know which of them may be empty
		}
		if empty && err == nil {
			err = usage("--"+f.Name+" is empty", "leave it out, or give it a value")
		}
	})
	return err
}

// listValue is a flag that takes several values.
type listValue struct {
	to     *[]string
	commas bool // it takes them in one, with commas, too
	empty  bool // one was empty
}

// listVar adds a flag that takes values with commas and by repetition.
func listVar(f *pflag.FlagSet, to *[]string, name, usage string) {
	f.Var(&listValue{to: to, commas: true}, name, usage)
}

// repeatedVar adds a flag that takes a value each time: a comma may stand in it.
func repeatedVar(f *pflag.FlagSet, to *[]string, name, usage string) {
	f.Var(&listValue{to: to}, name, usage)
}

func (v *listValue) String() string { return strings.Join(*v.to, ",") }

// Type tells cobra's completion that the flag can be repeated.
func (v *listValue) Type() string { return "stringArray" }

func (v *listValue) Set(text string) error {
	parts := []string{text}
	if v.commas && text != "" {
		var err error
		if parts, err = csv.NewReader(strings.NewReader(text)).Read(); err != nil {
			return errors.New("it is no list: write a,b,c")
		}
	}
	v.empty = v.empty || slices.Contains(parts, "")
	*v.to = append(*v.to, parts...)
	return nil
}

// durationValue is a flag that takes a length of time.
type durationValue struct {
	to   *time.Duration
	text string
	zero bool // it may be none at all
}

// durationVar adds a flag that takes a length of time, longer than zero. to holds its default.
func durationVar(f *pflag.FlagSet, to *time.Duration, name, usage string) {
	f.Var(&durationValue{to: to, text: defaultText(*to)}, name, usage)
}

// pauseVar adds a flag that takes a length of time, also zero.
func pauseVar(f *pflag.FlagSet, to *time.Duration, name, usage string) {
	f.Var(&durationValue{to: to, text: defaultText(*to), zero: true}, name, usage)
}

func defaultText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return tokenctl.Duration{Duration: d}.String()
}

func (v *durationValue) String() string { return v.text }

func (v *durationValue) Type() string { return "duration" }

func (v *durationValue) Set(text string) error {
	if v.text = text; text == "" {
		return nil // emptyFlag refuses it
	}
	d, err := tokenctl.ParseDuration(text)
	if err == nil && d == 0 && !v.zero {
		err = errors.New("a duration must be longer than zero")
	}
	*v.to = d
	return err
}

// queryValue is a flag that takes a jq expression.
type queryValue struct{ to **output.Query }

func (v *queryValue) String() string {
	if *v.to == nil {
		return ""
	}
	return (*v.to).String()
}

func (v *queryValue) Type() string { return "expression" }

func (v *queryValue) Set(text string) (err error) {
	if text == "" {
		return nil // emptyFlag refuses it
	}
	*v.to, err = output.ParseQuery(text)
	return err
}

// countValue is a number that need not be given.
type countValue struct{ n *int }

func (v *countValue) String() string {
	if v.n == nil {
		return ""
	}
	return strconv.Itoa(*v.n)
}

func (v *countValue) Type() string { return "int" }

func (v *countValue) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return errors.New("it takes a number, 0 or more")
	}
	v.n = &n
	return nil
}

// dateValue is a flag that takes a date or an age. The command resolves it with its own time, so that all its
// flags mean the same moment.
type dateValue struct {
	text string
}

func (d dateValue) given() bool { return d.text != "" } // emptyFlag refuses an empty one

// resolve returns the moment: ISO 8601, where a date without a time is its
// midnight in UTC, or an age such as 90d, which is that long before now, or
// after it when ahead.
func (d dateValue) resolve(flag string, now time.Time, ahead bool) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, d.text); err == nil {
			if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
				return t, usage(fmt.Sprintf("--%s: %s lies outside the years 1 to 9999, as Django has them", flag, d.text), "")
			}
			return t, nil
		}
	}
	age, err := tokenctl.ParseDuration(d.text)
	if err != nil {
		return time.Time{}, usage(fmt.Sprintf("--%s: %q is neither a date nor a duration", flag, d.text), "write 2026-11-22, 2026-11-22T15:04:05Z, or a duration like "+tokenctl.DurationForms)
	}
	if ahead {
		return now.Add(age), nil
	}
	return now.Add(-age), nil
}
