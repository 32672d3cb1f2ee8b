package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// historySuffix ends the name of a table's history, unless a Mapping names it.
const historySuffix = "_history"

// candidatesSQL lists the relations of the schema $1 whose names are among $2, ignoring
// case, or $3, with their relevant columns and the base types of these. Each comes with
// its history: the one at the same index of $4, or else the one with the usual name.
// inspect and inspectHistory decide whether they can be read. Privileges on a relation
// that was dropped after the snapshot was taken are unknown; lock reports that. The
// partitions of a table are read one by one, which the table's own row-level security
// does not cover.
const candidatesSQL = `
SELECT c.oid, n.nspname::text, coalesce(has_schema_privilege(n.oid, 'USAGE'), true),
	c.relname::text, c.relkind::text, NOT c.relispopulated, a.names, a.types, a.readable,
	row_security_active(c.oid) AND (current_setting('row_security') = 'off' OR c.relhassubclass),
	h.relname::text, h.relkind::text, coalesce(NOT h.relispopulated, false), k.names, k.types, k.readable,
	coalesce(row_security_active(h.oid) AND (current_setting('row_security') = 'off' OR h.relhassubclass), false),
	coalesce((SELECT sum(pg_relation_size(relid))::bigint FROM pg_partition_tree(h.oid) WHERE isleaf), pg_relation_size(h.oid), 0)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_class AS h ON h.relnamespace = c.relnamespace AND h.relkind IN ('r', 'p', 'v', 'm', 'f')
	AND h.relname = coalesce(($4::text[])[array_position($3::text[], c.relname::text)], c.relname || '` + historySuffix + `')
CROSS JOIN LATERAL (` + columnsSQL + `c.oid) AS a
CROSS JOIN LATERAL (` + columnsSQL + `h.oid) AS k
WHERE n.nspname = $1
	AND (lower(c.relname) = ANY($2) OR c.relname = ANY($3))
	AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY lower(c.relname), c.relname <> lower(c.relname), c.relname`

// columnsSQL lists the relevant columns of the relation whose oid follows.
const columnsSQL = `
	SELECT coalesce(array_agg(a.attname::text), '{}') AS names,
		coalesce(array_agg(format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL)), '{}') AS types,
		coalesce(array_agg(coalesce(has_column_privilege(a.attrelid, a.attnum, 'SELECT'), true)), '{}') AS readable
	FROM pg_attribute AS a
	JOIN pg_type AS t ON t.oid = a.atttypid
	WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attname IN ('id', 'txid', 'ts', 'cts', 'resource', 'resource_type') AND a.attrelid = `

// candidate is a relation that may be the table of a resource type.
type candidate struct {
	oid      uint32
	relation relationInfo
	table    Table

	// fault is the reason why it cannot be read as a FHIR table; nil if it can.
	fault *UnreadableError
}

// candidates returns the relations of these types, at most one for each, in the order of
// their types.
func (c *Catalog) candidates(ctx context.Context, db Querier, types []string, discovery Discovery) ([]*candidate, error) {
	others, err := c.findUnnamed(ctx, discovery)
	if err != nil {
		return nil, err
	}
	all, err := c.list(ctx, db, c.namesOf(types, others))
	if err != nil {
		return nil, err
	}
	chosen := make([]*candidate, 0, len(all))
	for _, resourceType := range types {
		found := slices.DeleteFunc(slices.Clone(all), func(c *candidate) bool { return c.table.Type != resourceType })
		if one := c.choose(resourceType, found, others); one != nil {
			chosen = append(chosen, one)
		}
	}
	slices.SortFunc(chosen, func(a, b *candidate) int {
		return strings.Compare(strings.ToLower(a.table.Type), strings.ToLower(b.table.Type))
	})
	return slices.CompactFunc(chosen, func(a, b *candidate) bool { return a.table.Type == b.table.Type }), nil
}

// names are the names of relations to find.
type names struct {
	types     map[string]string // by their names in lower case
	exact     map[string]string // by their names in their case
	list      []string          // the names of exact
	histories []string          // of these, in the same order
}

func (n *names) add(resourceType, name, history string) {
	n.exact[name] = resourceType
	n.list, n.histories = append(n.list, name), append(n.histories, history)
}

// namesOf returns the names of the tables of these types: the mapped one or, without a
// mapping, the name of the type, and the names of other tables whose rows name the type.
func (c *Catalog) namesOf(types []string, others []unnamedTable) names {
	n := names{types: tableNames(types), exact: map[string]string{}, list: []string{}, histories: []string{}}
	for _, resourceType := range types {
		if m, ok := c.mapped[resourceType]; ok {
			delete(n.types, strings.ToLower(resourceType))
			n.add(resourceType, m.Table, m.historyName())
		}
	}
	for _, other := range others {
		resourceType := other.types[0]
		_, mapped := c.mapped[resourceType]
		isParent := slices.Contains(other.children, strings.ToLower(resourceType)) // of the table that has the name
		if !mapped && !isParent && len(other.types) == 1 && slices.Contains(types, resourceType) {
			n.add(resourceType, other.name, other.name+historySuffix)
		}
	}
	return n
}

// list returns the relations of these names.
func (c *Catalog) list(ctx context.Context, db Querier, n names) ([]*candidate, error) {
	rows, err := db.Query(ctx, candidatesSQL, c.config.Schema, slices.AppendSeq([]string{}, maps.Keys(n.types)), n.list, n.histories)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (*candidate, error) {
		found := &candidate{}
		r, t := &found.relation, &found.table
		var history relationInfo
		var historyName, historyKind *string
		err := row.Scan(&found.oid, &t.Schema, &r.usage, &r.name, &r.kind, &r.unpopulated, &r.names, &r.types, &r.readable, &r.hidden,
			&historyName, &historyKind, &history.unpopulated, &history.names, &history.types, &history.readable, &history.hidden, &t.HistoryBytes)
		if err != nil {
			return nil, err
		}
		t.Name, t.Type = r.name, n.types[strings.ToLower(r.name)]
		expected := r.name + historySuffix
		if resourceType, exact := n.exact[r.name]; exact {
			t.Type, expected = resourceType, n.histories[slices.Index(n.list, r.name)]
		}
		found.inspect()
		if historyName == nil {
			found.setNoHistory(expected)
			return found, nil
		}
		history.name, history.kind, history.usage = *historyName, *historyKind, r.usage
		found.inspectHistory(history)
		return found, nil
	})
}

// choose returns the relation of the type among those found. If there is more than one,
// it returns a candidate with that fault; without any, a candidate with the reason, or
// nil. Of relations with the type's name, the one in lower case is chosen, which is
// how Aidbox writes it. One with another name is as likely to be the table in use, so that
// the choice is ambiguous.
func (c *Catalog) choose(resourceType string, found []*candidate, others []unnamedTable) *candidate {
	mapping, mapped := c.mapped[resourceType]
	switch {
	case mapped && len(found) == 0:
		lost := &candidate{table: Table{Type: resourceType}, relation: relationInfo{name: mapping.Table, kind: "r"}}
		lost.fault = lost.unreadable("there is no such table", true)
		return lost
	case len(found) == 0:
		return c.mixed(resourceType, others)
	case mapped:
		return found[0]
	}
	isNamed := func(c *candidate) bool { return strings.EqualFold(c.table.Name, resourceType) }
	named := slices.DeleteFunc(slices.Clone(found), func(c *candidate) bool { return !isNamed(c) })
	unnamed := slices.DeleteFunc(slices.Clone(found), isNamed)
	if len(named) > 1 && named[0].table.Name == strings.ToLower(resourceType) {
		named = named[:1]
	}
	if len(unnamed) > 0 {
		// A table that only has the name contains something else.
		named = slices.DeleteFunc(named, func(c *candidate) bool { return c.fault != nil && errors.Is(c.fault, ErrNoTable) })
	}
	switch candidates := slices.Concat(named, unnamed); {
	case len(candidates) == 1:
		return candidates[0]
	case len(unnamed) == 0:
		named[0].fault = named[0].unreadable("its name differs from that of table "+plainName(named[1].table.Name)+" only in case", true)
		return named[0]
	default:
		candidates[0].fault = ambiguous(resourceType, candidates)
		return candidates[0]
	}
}

// ambiguous returns the fault of several tables of one type.
func ambiguous(resourceType string, candidates []*candidate) *UnreadableError {
	tables := make([]string, len(candidates))
	for i, c := range candidates {
		tables[i] = plainName(c.table.Name)
	}
	return &UnreadableError{
		Type:     resourceType,
		Relation: "tables " + strings.Join(tables, " and "),
		Reason:   "all have resources of the type " + resourceType + "; the setting --table decides which one is read",
		fhirLike: true,
	}
}

// mixed returns a candidate with that fault for a type that only rows of a table of
// several types name, or nil.
func (c *Catalog) mixed(resourceType string, others []unnamedTable) *candidate {
	for _, other := range others {
		if slices.Contains(other.types, resourceType) {
			found := &candidate{table: Table{Type: resourceType}, relation: relationInfo{name: other.name, kind: "r"}}
			found.fault = found.unreadable("its rows have several resource types: "+strings.Join(other.types, ", "), false)
			return found
		}
	}
	return nil
}

// lock locks the table, with its partitions, and its history (LockAndVerify): until the
// transaction ends, they cannot be rewritten, truncated or dropped, so that rows keep
// their addresses. Readers and writers are not blocked.
func (c *candidate) lock(ctx context.Context, db Querier) error {
	err := LockAndVerify(ctx, db, false, c.table.Schema, c.table.Name)
	if err == nil && c.table.HasHistory {
		err = LockAndVerify(ctx, db, false, c.table.Schema, c.table.HistoryName)
	}
	return err
}

// checkRows measures the table, and sets OtherTypes if the first row names another type
// than the table's. The error is ErrNoTable if the rows spell the type in another case
// than the caller. A name that does not begin with a capital letter is not a type.
func (c *candidate) checkRows(ctx context.Context, db Querier) error {
	own := c.table.Type
	first := []samplePage{{schema: c.table.Schema, name: c.table.Name, whole: true}}
	types, err := sample(ctx, db, first, c.table.HasTypeName)
	if err != nil {
		return err
	}
	if err := measure(ctx, db, []*candidate{c}); err != nil {
		return err
	}
	if len(types) == 0 || types[0] == own {
		return nil
	}
	if types, err = sample(ctx, db, append(first, sampled(c.table.Members)...), c.table.HasTypeName); err != nil {
		return err
	}
	c.table.OtherTypes = slices.DeleteFunc(slices.Clone(types), func(name string) bool { return name == own })
	misspells := func(name string) bool {
		return strings.EqualFold(name, own) && name != "" && name[0] >= 'A' && name[0] <= 'Z'
	}
	if !slices.Contains(types, own) && slices.ContainsFunc(types, misspells) {
		return fmt.Errorf("%w: %q", ErrNoTable, own)
	}
	return nil
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
