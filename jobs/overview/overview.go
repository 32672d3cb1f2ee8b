// Package overview reads what the state database knows of the exports of all clients,
// for operators and for metrics: lists, one export in detail, and totals.
//
// It changes nothing, and every query is bounded by an index or by the number of
// exports that are unfinished or kept. It must not know who shows the result, and it
// returns no ids of patients, no values of filters and no definitions of views: they
// never leave the database.
package overview

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Reader reads from a migrated state database. It is safe for concurrent use.
type Reader struct{ pool *pgxpool.Pool }

// New returns a Reader.
func New(pool *pgxpool.Pool) *Reader { return &Reader{pool: pool} }

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// collect returns the rows of a query. The order of their columns is the order of T's
// fields.
func collect[T any](ctx context.Context, db querier, action, sql string, args ...any) ([]T, error) {
	rows, _ := db.Query(ctx, sql, args...) // the rows have its error
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[T])
	if err != nil {
		return nil, fmt.Errorf("overview: %s: %w", action, err)
	}
	return all, nil
}

// collectOne returns the only row of a query.
func collectOne[T any](ctx context.Context, db querier, action, sql string, args ...any) (T, error) {
	rows, _ := db.Query(ctx, sql, args...)
	one, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[T])
	if err != nil {
		return one, fmt.Errorf("overview: %s: %w", action, err)
	}
	return one, nil
}
