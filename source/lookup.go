package source

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// Lookup is a statement whose result is a list of strings, such as ids.
type Lookup struct {
	// SQL has one column, of a text type that is never null.
	SQL string

	// Args are the values of its placeholders $1, $2, … as text. The statement
	// says of what type each is, as in $1::text[].
	Args []string
}

// Lookup hands each string to fn, whose bytes are valid until fn returns. It is
// otherwise as Source.Scan.
func (s *Source) Lookup(ctx context.Context, lookup Lookup, fn func(value []byte) error) error {
	conn, err := s.acquire(ctx)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer conn.Release()
	return conn.run(ctx, lookup.query(fn), s.limiter)
}

// Lookup is Source.Lookup under the Reader's snapshot.
func (r *Reader) Lookup(ctx context.Context, lookup Lookup, fn func(value []byte) error) error {
	return r.conn.run(ctx, lookup.query(fn), r.limiter)
}

// Lookup is Source.Lookup under the Snapshot. It should be quick: meanwhile the
// Snapshot does nothing else.
func (sn *Snapshot) Lookup(ctx context.Context, lookup Lookup, fn func(value []byte) error) error {
	sn.mu.Lock()
	defer sn.mu.Unlock()
	return lookup.query(fn).run(ctx, sn.conn.PgConn(), nil)
}

func (l Lookup) query(fn func(value []byte) error) query {
	q := query{
		relation: "ids",
		sql:      l.SQL,
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
			return len(values[0]), fn(values[0])
		},
	}
	q.bind(l.Args)
	return q
}

// errNoText means that a Lookup is not what it should be.
var errNoText = errors.New("a lookup returns more than one column, another type than text, or null")
