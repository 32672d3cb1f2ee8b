package source

import (
	"context"
	"slices"
	"strconv"
)

// Page returns at most limit rows of the scan in the order of their ids: those
// with an id after the given one, or the first if that is empty. The primary key
// serves it. Otherwise it is as Scan.
func (s *Source) Page(ctx context.Context, scan Scan, after string, limit int) (*Rows, error) {
	if after != "" {
		only := scan.Only
		args := slices.Concat(only.Args, []string{after})
		condition := "r.id > $" + strconv.Itoa(len(args)) + "::text"
		if only.Where != "" {
			condition = "(" + only.Where + ") AND " + condition
		}
		scan.Only = Condition{Where: condition, Args: args}
	}
	rows := newRows(ctx, scan, s.limiter)
	rows.order = " ORDER BY r.id LIMIT " + strconv.Itoa(limit)
	return s.scan(ctx, rows)
}
