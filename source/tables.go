package source

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// Tables lists the FHIR tables of the schema, sorted by type: the ordinary and
// partitioned tables with the columns id, txid, ts and resource (jsonb), but
// not the *_history ones.
//
// known are canonical names of resource types; a table named as the lower case
// of one gets it. Another table is named by one of its rows, and if there is
// none, by its own name. A table of a known type that the role may not read is
// listed, so that reading it fails loudly; any other such table is not taken
// for a FHIR table.
func (s *Source) Tables(ctx context.Context, known []string) ([]Table, error) {
	tables, err := listTables(ctx, s.pool, s.config.Schema, known)
	if err != nil {
		return nil, fmt.Errorf("source: list tables: %w", err)
	}
	return tables, nil
}

// Table finds the table of one resource type. The name is case-sensitive:
// "Patient" is a type and "patient" is not. ErrNoTable if there is none.
//
// A table is looked for under the lower case of the type's name first, then
// among all tables by what their rows say.
func (s *Source) Table(ctx context.Context, resourceType string) (Table, error) {
	table, err := findTable(ctx, s.pool, s.config.Schema, resourceType)
	if err != nil {
		return Table{}, fmt.Errorf("source: %w", err)
	}
	return table, nil
}

func listTables(ctx context.Context, db querier, schema string, known []string) ([]Table, error) {
	all, err := listCandidates(ctx, db, schema, nil)
	if err != nil {
		return nil, err
	}
	canonical := make(map[string]string, len(known))
	for _, name := range known {
		canonical[strings.ToLower(name)] = name
	}

	kept := make([]*candidate, 0, len(all))
	for _, c := range all {
		c.table.Type = canonical[c.table.Name]
		if c.table.Type == "" && !c.readable {
			continue
		}
		if c.table.Type == "" {
			if c.table.Type, err = c.typeFromRows(ctx, db); err != nil {
				return nil, err
			}
		}
		c.table.Type = cmp.Or(c.table.Type, c.table.Name)
		kept = append(kept, c)
	}
	if err := measure(ctx, db, kept); err != nil {
		return nil, err
	}

	tables := make([]Table, 0, len(kept))
	for _, c := range kept {
		tables = append(tables, c.table)
	}
	slices.SortFunc(tables, func(a, b Table) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name))
	})
	return tables, nil
}

func findTable(ctx context.Context, db querier, schema, resourceType string) (Table, error) {
	if !isTypeName(resourceType) {
		return Table{}, fmt.Errorf("%w: %q", ErrNoTable, resourceType)
	}
	lower := strings.ToLower(resourceType)
	candidates, err := listCandidates(ctx, db, schema, &lower)
	if err != nil {
		return Table{}, err
	}
	for _, c := range candidates {
		var name string
		if c.readable {
			if name, err = c.typeFromRows(ctx, db); err != nil {
				return Table{}, err
			}
		}
		if name == "" || name == resourceType {
			c.table.Type = resourceType
			return c.table, measure(ctx, db, []*candidate{c})
		}
	}

	tables, err := listTables(ctx, db, schema, nil)
	if err != nil {
		return Table{}, err
	}
	for _, table := range tables {
		if table.Type == resourceType {
			return table, nil
		}
	}
	return Table{}, fmt.Errorf("%w: %q", ErrNoTable, resourceType)
}

// isTypeName tells whether a resource type can have this name: a capital
// letter, then letters and digits, as all FHIR types have it.
func isTypeName(s string) bool {
	for i := range len(s) {
		upper := s[i] >= 'A' && s[i] <= 'Z'
		other := s[i] >= 'a' && s[i] <= 'z' || s[i] >= '0' && s[i] <= '9'
		if !upper && (i == 0 || !other) {
			return false
		}
	}
	return s != ""
}
