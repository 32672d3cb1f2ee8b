// Package catalog finds the FHIR tables of a PostgreSQL database: which there are, which
// relations hold their rows, how large these are, and why a table cannot be read. It
// recognizes the layout of Aidbox and Fhirbase: one table per resource type, the
// resource in a jsonb column.
//
// It uses the connections that it is given. It must not know how rows are read, what a
// snapshot is, or what a resource means.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Querier is a connection, a transaction, or a pool.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Config says which tables there are.
type Config struct {
	// Schema is the schema of the tables.
	Schema string

	// ResourceTypes are those that are known to have tables of their names. Without any,
	// only tables with the names of their types are found.
	ResourceTypes []string

	// Mappings name tables of resource types.
	Mappings []Mapping

	// Connect makes a connection. It is used to read rows of tables that do not have the
	// name of a type, outside of any transaction.
	Connect func(context.Context) (*pgx.Conn, error)
}

// Catalog finds the tables of resource types. It is safe for concurrent use.
type Catalog struct {
	config  Config
	mapped  map[string]Mapping // by resource type
	unnamed *unnamed
}

// New returns the catalog of a database. It fails if two mappings name the same type or
// table.
func New(config Config) (*Catalog, error) {
	mapped, err := byType(config.Mappings)
	if err != nil {
		return nil, err
	}
	return &Catalog{config: config, mapped: mapped, unnamed: &unnamed{known: map[tableFile][]string{}}}, nil
}

// Find returns the table of a resource type, with its sizes. The error is ErrNoTable if
// the type has no table, and *UnreadableError if it cannot be read.
func (c *Catalog) Find(ctx context.Context, db Querier, resourceType string, discovery Discovery) (Table, error) {
	candidates, err := c.candidates(ctx, db, []string{resourceType}, discovery)
	if err != nil {
		return Table{}, err
	}
	if len(candidates) == 0 {
		return Table{}, fmt.Errorf("%w: %q", ErrNoTable, resourceType)
	}
	found := candidates[0]
	if found.fault != nil {
		return Table{}, found.fault
	}
	if err := found.checkRows(ctx, db); err != nil {
		return Table{}, err
	}
	return found.table, nil
}

// Survey returns the tables of these types that can be read, without their sizes, and of
// the other types why not: ErrNoTable or *UnreadableError.
func (c *Catalog) Survey(ctx context.Context, db Querier, types []string) (tables []Table, faults map[string]error, err error) {
	candidates, err := c.candidates(ctx, db, types, Discovery{DB: db})
	if err != nil {
		return nil, nil, err
	}
	faults = make(map[string]error)
	for _, resourceType := range types {
		faults[resourceType] = ErrNoTable
	}
	for _, c := range candidates {
		if c.fault != nil {
			faults[c.table.Type] = c.fault
		} else {
			delete(faults, c.table.Type)
			tables = append(tables, c.table)
		}
	}
	return tables, faults, nil
}

// HasTables reports whether there is a table that can be read, of the known types or of
// another one.
func (c *Catalog) HasTables(ctx context.Context, db Querier) (bool, error) {
	tables, _, err := c.Survey(ctx, db, c.config.ResourceTypes)
	if err != nil || len(tables) > 0 {
		return len(tables) > 0, err
	}
	others, err := c.listUnnamed(ctx, db)
	return len(others) > 0, err
}

// LockTables finds the tables of those types that have one and locks them until the
// transaction ends (LockAndVerify). It returns them with their sizes, in the order of
// their names. Of the optional types, it returns those that can be read.
func (c *Catalog) LockTables(ctx context.Context, db Querier, types, optional []string) ([]Table, error) {
	candidates, err := c.candidates(ctx, db, slices.Concat(types, optional), Discovery{})
	if err != nil {
		return nil, err
	}
	readable := candidates[:0]
	var required []*UnreadableError
	for _, found := range candidates {
		switch {
		case found.fault == nil:
			readable = append(readable, found)
		case slices.Contains(types, found.table.Type) && !errors.Is(found.fault, ErrNoTable):
			required = append(required, found.fault)
		}
	}
	if len(required) > 0 {
		return nil, &TableError{Type: required[0].Type, Err: joinUnreadable(required)}
	}
	for _, found := range readable {
		if err := found.lock(ctx, db); err != nil {
			return nil, &TableError{Type: found.table.Type, Err: err}
		}
	}
	if err := measure(ctx, db, readable); err != nil {
		return nil, err
	}
	tables := make([]Table, len(readable))
	for i, found := range readable {
		tables[i] = found.table
	}
	return tables, nil
}
