package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

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

// tableNames returns types by the names of their tables. Invalid types are left out.
func tableNames(types []string) map[string]string {
	names := make(map[string]string, len(types))
	for _, resourceType := range types {
		if isTypeName(resourceType) {
			names[strings.ToLower(resourceType)] = resourceType
		}
	}
	return names
}

// maxName is the maximum length of a table's name in PostgreSQL, in bytes.
const maxName = 63

// isTypeName reports whether a resource type can have this name: a capital letter,
// followed by letters and digits, and not longer than the name of a table.
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
