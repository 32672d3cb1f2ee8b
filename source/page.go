package source

import (
	"context"
	"fmt"
	"slices"
	"strconv"
)

// Page hands fn at most limit rows of the scan in the order of their ids: those
// whose id comes behind after, or the first if that is empty. The primary key
// serves it. It is otherwise as Source.Scan.
func (s *Source) Page(ctx context.Context, scan Scan, after string, limit int, fn func(*Row) error) error {
	if after != "" {
		only := scan.Only
		args := slices.Concat(only.Args, []string{after})
		behind := "r.id > $" + strconv.Itoa(len(args)) + "::text"
		if only.Where != "" {
			behind = "(" + only.Where + ") AND " + behind
		}
		scan.Only = Condition{Where: behind, Args: args}
	}
	conn, err := s.acquire(ctx)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer conn.Release()

	q := scan.rows(fn)
	q.sql += " ORDER BY r.id LIMIT " + strconv.Itoa(limit)
	return conn.run(ctx, q, s.pace)
}
