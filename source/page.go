package source

import (
	"context"
	"strconv"

	"github.com/seed-90096f4d/sluice/sqltext"
)

// Page returns at most limit rows of the scan in the order of their ids: those
// with an id after the given one, or the first if that is empty. The primary key
// serves it. Otherwise it does what Scan does.
func (s *Source) Page(ctx context.Context, scan Scan, after string, limit int) (*Rows, error) {
	if after != "" {
		next := sqltext.New("r.id > {after}", sqltext.Values{"after": sqltext.Arg(after, "text")})
		if !scan.Only.Where.IsEmpty() {
			next = sqltext.New("({where}) AND {next}", sqltext.Values{"where": scan.Only.Where, "next": next})
		}
		scan.Only = sqltext.Condition{Where: next}
	}
	rows := newRows(ctx, scan, s.limiter)
	rows.suffix = sqltext.Text(" ORDER BY r.id LIMIT " + strconv.Itoa(limit))
	return s.scan(ctx, rows)
}
