package source

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-90096f4d/sluice/sqltext"
)

// Lookup returns the strings, such as ids, that a statement selects: the result has one
// column, of a text type, and no nulls. It never returns nil without an error. The
// statement runs on a connection of its own.
func (s *Source) Lookup(ctx context.Context, statement sqltext.Fragment) ([]string, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	defer conn.Release()
	return collect(statement, func(q query) error { return explain(conn, q.run(ctx, conn.PgConn(), s.limiter)) })
}

// Lookup is Source.Lookup under the Reader's snapshot.
func (r *Reader) Lookup(ctx context.Context, statement sqltext.Fragment) ([]string, error) {
	return collect(statement, func(q query) error { return r.run(ctx, q) })
}

// Lookup is Source.Lookup under the Snapshot. It should be quick: the Snapshot serves
// one query at a time.
func (sn *Snapshot) Lookup(ctx context.Context, statement sqltext.Fragment) ([]string, error) {
	sn.mu.Lock()
	defer sn.mu.Unlock()
	return collect(statement, func(q query) error { return q.run(ctx, sn.conn.PgConn(), nil) })
}

// collect returns the strings of a statement that run runs.
func collect(statement sqltext.Fragment, run func(query) error) ([]string, error) {
	found := []string{}
	err := run(query{
		relation:  "ids",
		statement: statement,
		check: func(fields []pgconn.FieldDescription) error {
			if len(fields) != 1 || !slices.Contains(textTypes, fields[0].DataTypeOID) {
				return errNoText
			}
			return nil
		},
		each: func(values [][]byte) (size int, err error) {
			if values[0] == nil {
				return 0, fmt.Errorf("source: %w", errNoText)
			}
			found = append(found, string(values[0]))
			return len(values[0]), nil
		},
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// errNoText means that the statement of a lookup does not select strings.
var errNoText = errors.New("a lookup returns more than one column, another type than text, or null")
