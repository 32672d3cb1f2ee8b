package source

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Table finds the table of a resource type: the ordinary or partitioned table
// whose name is the lower case of the type's and that has the columns id, txid,
// ts and resource (jsonb). ErrNoTable if there is none.
//
// The name is case-sensitive: "Patient" is a type and "patient" is not. If the
// table's rows say another type than the one asked for, as "PAtient" would be,
// it is not the type's table.
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

func findTable(ctx context.Context, db querier, schema, resourceType string) (Table, error) {
	candidates, err := listCandidates(ctx, db, schema, []string{resourceType})
	if err != nil {
		return Table{}, err
	}
	if len(candidates) == 0 {
		return Table{}, fmt.Errorf("%w: %q", ErrNoTable, resourceType)
	}
	found := candidates[0]
	if found.table.Readable {
		name, err := found.typeFromRows(ctx, db)
		if err != nil {
			return Table{}, err
		}
		if name != "" && name != resourceType {
			return Table{}, fmt.Errorf("%w: %q", ErrNoTable, resourceType)
		}
	}
	return found.table, measure(ctx, db, candidates)
}

// listTables finds the tables of those types that have one, in the order of
// their names; of the optional types, those that can be read.
func listTables(ctx context.Context, db querier, schema string, types, optional []string) ([]Table, error) {
	candidates, err := listCandidates(ctx, db, schema, slices.Concat(types, optional))
	if err != nil {
		return nil, err
	}
	candidates = slices.DeleteFunc(candidates, func(c *candidate) bool {
		return !c.table.Readable && !slices.Contains(types, c.table.Type)
	})
	for _, c := range candidates {
		if err := c.lock(ctx, db); err != nil {
			return nil, &TableError{Type: c.table.Type, Err: err}
		}
	}
	if err := measure(ctx, db, candidates); err != nil {
		return nil, err
	}
	tables := make([]Table, len(candidates))
	for i, c := range candidates {
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
