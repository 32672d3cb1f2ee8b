package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
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

	table, err := s.catalog.find(ctx, conn, resourceType, looker{db: conn})
	if err != nil {
		return Table{}, fmt.Errorf("source: %w", err)
	}
	return table, nil
}

// Table is Source.Table under the Reader's snapshot.
func (r *Reader) Table(ctx context.Context, resourceType string) (Table, error) {
	table, err := r.catalog.find(ctx, r.conn, resourceType, looker{maxAge: readerAge})
	if err != nil {
		return Table{}, fmt.Errorf("source: %w", err)
	}
	return table, nil
}

// Faults returns, of these types, those without a table that can be read, and why:
// ErrNoTable or *UnreadableError, as Table returns it.
func (s *Source) Faults(ctx context.Context, types []string) (map[string]error, error) {
	_, faults, err := s.Survey(ctx, types)
	return faults, err
}

// Survey returns the tables of these types that can be read, without their sizes, and
// of the other types why not, as Faults does.
func (s *Source) Survey(ctx context.Context, types []string) (tables []Table, faults map[string]error, err error) {
	conn, err := s.acquire(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("source: %w", err)
	}
	defer conn.Release()
	return s.survey(ctx, conn, types)
}

func (s *Source) survey(ctx context.Context, db querier, types []string) (tables []Table, faults map[string]error, err error) {
	candidates, err := s.catalog.candidates(ctx, db, types, looker{db: db})
	if err != nil {
		return nil, nil, fmt.Errorf("source: %w", err)
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

// CheckTables returns ErrNoTables if the schema has no table that can be read, of the
// known types or of another one. Like Ping, it makes a connection of its own.
func (s *Source) CheckTables(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	err = s.checkTables(ctx, conn)
	return errors.Join(err, conn.Close(ctx))
}

func (s *Source) checkTables(ctx context.Context, db querier) error {
	tables, _, err := s.survey(ctx, db, s.config.ResourceTypes)
	if err != nil || len(tables) > 0 {
		return err
	}
	others, err := s.catalog.listUnnamed(ctx, db)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	if len(others) == 0 {
		return fmt.Errorf("source: schema %q: %w", s.config.Schema, ErrNoTables)
	}
	return nil
}

// readerAge is how old may be what a Reader knows of tables with other names: those
// that it reads were found a moment ago, when the export was planned.
const readerAge = 10 * time.Second

func (c *catalog) find(ctx context.Context, db querier, resourceType string, by looker) (Table, error) {
	candidates, err := c.candidates(ctx, db, []string{resourceType}, by)
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

// tables finds the tables of those types that have one, in the order of their names;
// of the optional types, those that can be read.
func (c *catalog) tables(ctx context.Context, db querier, types, optional []string) ([]Table, error) {
	candidates, err := c.candidates(ctx, db, slices.Concat(types, optional), looker{})
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
