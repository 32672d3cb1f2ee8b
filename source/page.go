package source

import (
	"context"
	"fmt"
	"strconv"

	"github.com/seed-90096f4d/sluice/sqltext"
)

// Page hands fn at most limit rows of the scan in the order of their ids: those
// whose id comes behind after, or the first if that is empty. The primary key
// serves it. It is otherwise as Source.Scan.
func (s *Source) Page(ctx context.Context, scan Scan, after string, limit int, fn func(*Row) error) error {
	if after != "" {
		next := sqltext.New("r.id > {after}", sqltext.Values{"after": sqltext.Arg(after, "text")})
		if !scan.Only.Where.IsEmpty() {
			next = sqltext.New("({where}) AND {next}", sqltext.Values{"where": scan.Only.Where, "next": next})
		}
		scan.Only = sqltext.Condition{Where: next}
	}
	conn, err := s.acquire(ctx)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer conn.Release()

	q := scan.rows(fn)
	q.statement = sqltext.Concat(q.statement, sqltext.Text(" ORDER BY r.id LIMIT "+strconv.Itoa(limit)))
	return conn.run(ctx, q, s.pace)
}
