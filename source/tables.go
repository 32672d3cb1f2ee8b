package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Table finds the table of a resource type: the relation whose name is the lower
// case of the type's or, if there is none, differs from that in case only.
// ErrNoTable if there is none, *UnreadableError if it is not laid out as a FHIR
// table or may not be read.
//
// The table's name decides which type its rows have, not the rows. These only
// decide how the type is spelled: "Patient" is a type and "PAtient" is not.
func (s *Source) Table(ctx context.Context, resourceType string) (Table, error) {
	conn, err := s.acquire(ctx)
	if err != nil {
		return Table{}, fmt.Errorf("source: %w", err)
	}
	defer conn.Release()

	table, err := findTable(ctx, conn, s.config.Schema, resourceType)
	if err != nil {
		return Table{}, fmt.Errorf("source: %w", err)
	}
	return table, nil
}

// Table is Source.Table under the Reader's snapshot.
func (r *Reader) Table(ctx context.Context, resourceType string) (Table, error) {
	table, err := findTable(ctx, r.conn, r.schema, resourceType)
	if err != nil {
		return Table{}, fmt.Errorf("source: %w", err)
	}
	return table, nil
}

// Faults returns, of these types, those without a table that can be read, and why:
// ErrNoTable or *UnreadableError, as Table returns it.
func (s *Source) Faults(ctx context.Context, types []string) (map[string]error, error) {
	conn, err := s.acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	defer conn.Release()

	candidates, err := listCandidates(ctx, conn, s.config.Schema, types)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	faults := make(map[string]error)
	for _, resourceType := range types {
		faults[resourceType] = ErrNoTable
	}
	for _, c := range candidates {
		if c.fault != nil {
			faults[c.table.Type] = c.fault
		} else {
			delete(faults, c.table.Type)
		}
	}
	return faults, nil
}

func findTable(ctx context.Context, db querier, schema, resourceType string) (Table, error) {
	candidates, err := listCandidates(ctx, db, schema, []string{resourceType})
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
	if err := measure(ctx, db, candidates); err != nil {
		return Table{}, err
	}
	return found.table, nil
}

// listTables finds the tables of those types that have one, in the order of
// their names; of the optional types, those that can be read.
func listTables(ctx context.Context, db querier, schema string, types, optional []string) ([]Table, error) {
	candidates, err := listCandidates(ctx, db, schema, slices.Concat(types, optional))
	if err != nil {
		return nil, err
	}
	readable := candidates[:0]
	for _, c := range candidates {
		switch {
		case c.fault == nil:
			readable = append(readable, c)
		case slices.Contains(types, c.table.Type) && !errors.Is(c.fault, ErrNoTable):
			return nil, &TableError{Type: c.table.Type, Err: c.fault}
		}
	}
	for _, c := range readable {
		if err := c.lock(ctx, db); err != nil {
			return nil, &TableError{Type: c.table.Type, Err: err}
		}
	}
	if err := measure(ctx, db, readable); err != nil {
		return nil, err
	}
	tables := make([]Table, len(readable))
	for i, c := range readable {
		tables[i] = c.table
	}
	return tables, nil
}

// tableNames maps the names of tables to the types they are for. What can't be
// a type's name is left out.
func tableNames(types []string) map[string]string {
	names := make(map[string]string, len(types))
	for _, resourceType := range types {
		if isTypeName(resourceType) {
			names[strings.ToLower(resourceType)] = resourceType
		}
	}
	return names
}

// maxName is the longest name that PostgreSQL gives a table, in bytes.
const maxName = 63

// isTypeName tells whether a resource type can have this name: a capital
// letter, then letters and digits, as all FHIR types have it, and no more than
// the name of a table has room for.
func isTypeName(s string) bool {
	if len(s) > maxName {
		return false
	}
	for i := range len(s) {
		upper := s[i] >= 'A' && s[i] <= 'Z'
		other := s[i] >= 'a' && s[i] <= 'z' || s[i] >= '0' && s[i] <= '9'
		if !upper && (i == 0 || !other) {
			return false
		}
	}
	return s != ""
}
