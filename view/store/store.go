// Package store keeps ViewDefinitions in the state database, where clients store them
// and exports and runs refer to them.
//
// It must not know how views are evaluated or who may read them.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/view"
)

// ErrNotFound means that there is no such ViewDefinition.
var ErrNotFound = errors.New("ViewDefinition not found")

// ErrCondition means that the Condition of a change was not met.
var ErrCondition = errors.New("condition not met")

// Condition is what must hold for a change. It is checked together with the change. The
// zero value is always met.
type Condition struct {
	// Exists requires that there is a ViewDefinition with the id, and New that there is
	// none.
	Exists, New bool

	// UpdatedAt, if not nil, requires that there is one that was stored last at one of
	// these times.
	UpdatedAt []time.Time
}

// needsOne reports whether there must be a ViewDefinition.
func (c Condition) needsOne() bool { return c.Exists || c.UpdatedAt != nil }

// Definition is a stored ViewDefinition.
type Definition struct {
	ID string

	// Document is the ViewDefinition as it was stored, with the text of its numbers.
	Document json.RawMessage

	// UpdatedAt is when it was stored last. It is different for each version.
	UpdatedAt time.Time
}

// Store reads and changes the ViewDefinitions in the table sluice.view_definition. It
// is safe for concurrent use.
type Store struct{ pool *pgxpool.Pool }

// New returns the ViewDefinitions of a migrated state database.
func New(pool *pgxpool.Pool) *Store { return &Store{pool: pool} }

// putSQL keeps the times of two versions apart, for clocks that were set back. Unless the
// condition is met, it returns no row: of one that must exist ($7), locked finds a row, which
// then cannot be deleted; one that must be new ($8) is not updated.
const putSQL = `
WITH locked AS (
    SELECT FROM sluice.view_definition
    WHERE $7 AND id = $1 AND ($9::timestamptz[] IS NULL OR updated_at = ANY ($9)) FOR UPDATE)
INSERT INTO sluice.view_definition AS stored (id, url, version, name, resource_type, definition)
SELECT $1, nullif($2, ''), nullif($3, ''), nullif($4, ''), $5, $6::json
WHERE NOT $7 OR EXISTS (SELECT FROM locked)
ON CONFLICT (id) DO UPDATE SET
    url = excluded.url, version = excluded.version, name = excluded.name,
    resource_type = excluded.resource_type, definition = excluded.definition,
    updated_at = greatest(now(), stored.updated_at + interval '1 microsecond')
WHERE NOT $8
RETURNING xmax = 0, updated_at`

// Put stores a ViewDefinition, v in parsed form, under an id and replaces the one that
// has it. created reports whether there was none. It returns ErrCondition, with nothing
// changed, if the condition is not met.
func (s *Store) Put(ctx context.Context, id string, v *view.View, document []byte, only Condition) (stored Definition, created bool, err error) {
	stored = Definition{ID: id, Document: document}
	err = s.pool.QueryRow(ctx, putSQL, id, v.URL, v.Version, v.Name, v.Resource, string(document), only.needsOne(), only.New, only.UpdatedAt).
		Scan(&created, &stored.UpdatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return stored, false, ErrCondition
	}
	if err != nil {
		return stored, false, fmt.Errorf("store: put ViewDefinition: %w", err)
	}
	return stored, created, nil
}

const (
	deleteSQL = `
DELETE FROM sluice.view_definition
WHERE id = $1 AND ($2::timestamptz[] IS NULL OR updated_at = ANY ($2))`

	isNewSQL = `SELECT NOT EXISTS (SELECT FROM sluice.view_definition WHERE id = $1)`
)

// Delete deletes the ViewDefinition with the id, if there is one. It returns ErrCondition,
// with nothing changed, if the condition is not met.
func (s *Store) Delete(ctx context.Context, id string, only Condition) error {
	met := true
	var err error
	if only.New {
		err = s.pool.QueryRow(ctx, isNewSQL, id).Scan(&met) // and there is nothing to delete
	} else {
		var tag pgconn.CommandTag
		tag, err = s.pool.Exec(ctx, deleteSQL, id, only.UpdatedAt)
		met = tag.RowsAffected() > 0 || !only.needsOne()
	}
	if err != nil {
		return fmt.Errorf("store: delete ViewDefinition: %w", err)
	}
	if !met {
		return ErrCondition
	}
	return nil
}

const (
	selectSQL = `SELECT id, definition::text, updated_at FROM sluice.view_definition `
	getSQL    = selectSQL + `WHERE id = $1`

	// resolveSQL prefers what was stored last: versions need not be comparable.
	resolveSQL = selectSQL + `WHERE url = $1 AND ($2 = '' OR version = $2) ORDER BY updated_at DESC, id LIMIT 1`
)

// Get returns the ViewDefinition with the id, or ErrNotFound.
func (s *Store) Get(ctx context.Context, id string) (Definition, error) {
	return s.one(ctx, getSQL, id)
}

// Resolve returns the ViewDefinition with a canonical URL, which may end with
// |version, or ErrNotFound. Of several it returns the one that was stored last.
func (s *Store) Resolve(ctx context.Context, canonical string) (Definition, error) {
	url, version, _ := strings.Cut(canonical, "|")
	return s.one(ctx, resolveSQL, url, version)
}

func (s *Store) one(ctx context.Context, sql string, args ...any) (Definition, error) {
	found, err := s.list(ctx, sql, args...)
	if err != nil {
		return Definition{}, err
	}
	if len(found) == 0 {
		return Definition{}, ErrNotFound
	}
	return found[0], nil
}

func (s *Store) list(ctx context.Context, sql string, args ...any) ([]Definition, error) {
	rows, _ := s.pool.Query(ctx, sql, args...) // the rows have its error
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d Definition, err error) {
		err = row.Scan(&d.ID, (*[]byte)(&d.Document), &d.UpdatedAt)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("store: read ViewDefinitions: %w", err)
	}
	return found, nil
}
