package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"

	"tokenctl/django"
)

// eachSQLite reads the driver's rows directly: database/sql would copy every value again.
func eachSQLite(ctx context.Context, on *sql.Conn, zone django.Zone, q *Query, f func(Row) error) error {
	args, err := namedValues(q.Args)
	if err != nil {
		return err
	}
	return on.Raw(func(c any) error {
		rows, err := c.(driver.QueryerContext).QueryContext(ctx, q.SQL(), args)
		if err != nil {
			return err
		}
		defer rows.Close()
		r := Row{zone: zone, values: make([]driver.Value, len(rows.Columns()))}
		for ctx.Err() == nil {
			switch err := rows.Next(r.values); {
			case err == io.EOF:
				return nil
			case err != nil:
				return err
			}
			if err := f(r); err != nil {
				return err
			}
		}
		return context.Cause(ctx)
	})
}

// namedValues converts arguments to the form of a driver.
func namedValues(args []any) ([]driver.NamedValue, error) {
	list := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, err
		}
		list[i] = driver.NamedValue{Ordinal: i + 1, Value: value}
	}
	return list, nil
}
