package db

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// setFlag returns the flag that sets a column, quoted for a shell.
func setFlag(column string) string {
	if strings.Trim(column, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == "" {
		return "--set " + column + "=VALUE"
	}
	return "--set '" + strings.ReplaceAll(column, "'", `'\''`) + "=VALUE'"
}

// textArg returns the parameter for a value from the command line. PostgreSQL converts it. SQLite would
// store any text, and Django would fail on it later.
func (l *Layout) textArg(c *engine.Column, text string) (any, error) {
	if l.Engine != engine.SQLite {
		return text, nil
	}
	value, err := any(text), error(nil)
	switch {
	case c.Type == "bool":
		value, err = strconv.ParseBool(strings.ToLower(text))
	case strings.Contains(c.Type, "int"):
		value, err = strconv.ParseInt(text, 10, 64)
	case c.Type == "real" || c.Type == "decimal":
		_, err = strconv.ParseFloat(text, 64)
	case c.Type == "datetime":
		var t time.Time
		t, err = django.ParseSQLiteTime(text)
		value = django.FormatSQLiteTime(t)
	case c.Type == "date":
		_, err = time.Parse(time.DateOnly, text)
	case c.Type == "char" && c.Length == 32:
		if value = uuidHex(text); value == "" {
			err = errors.New("not a UUID")
		}
	case c.Length > 0 && len([]rune(text)) > c.Length:
		return nil, &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: fmt.Sprintf("the value for %s is longer than %d characters", c.Name, c.Length)}
	}
	if err != nil {
		return nil, &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: fmt.Sprintf("the value for %s is not of the type %s", c.Name, c.Type)}
	}
	return value, nil
}

// checkSet adds the columns of --set, and their types, to an error about a value.
func checkSet(err error, typed []string) error {
	var e *tokenctl.Error
	if typed == nil || !errors.As(err, &e) || e.Code != tokenctl.CodeInvalidValue {
		return err
	}
	return &tokenctl.Error{Code: e.Code, Message: e.Message, Hint: "check --set " + strings.Join(typed, ", --set "), Err: err}
}
