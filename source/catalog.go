package source

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// querier is a connection, a transaction, or a pool.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// candidatesSQL lists the relations of the schema $1 whose names are $2, in any
// spelling, with those of their columns that matter and the base types of these,
// and each with its history where that can be read. Whether a relation is a FHIR
// table is decided by inspect, which names the reason if it is not. Privileges on a relation
// that was dropped after the snapshot was taken are unknown: lock reports that. The
// partitions of a table are read one by one, which its own row-level security does
// not cover.
const candidatesSQL = `
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, a.names, a.types, coalesce(a.readable, true),
	row_security_active(c.oid) AND (current_setting('row_security') = 'off' OR c.relhassubclass),
	coalesce(h.oid IS NOT NULL, false),
	(
		SELECT count(*) = 2 FROM pg_attribute AS k
		WHERE k.attrelid = h.oid AND NOT k.attisdropped AND has_column_privilege(k.attrelid, k.attnum, 'SELECT')
			AND (k.attname = 'txid' OR k.attname = 'resource' AND k.atttypid = 'jsonb'::regtype)
	),
	coalesce((SELECT sum(pg_relation_size(relid))::bigint FROM pg_partition_tree(h.oid) WHERE isleaf), pg_relation_size(h.oid), 0)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
	SELECT coalesce(array_agg(a.attname::text), '{}') AS names,
		coalesce(array_agg(format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL)), '{}') AS types,
		bool_and(has_column_privilege(c.oid, a.attnum, 'SELECT')) FILTER (WHERE a.attname <> 'resource_type') AS readable
	FROM pg_attribute AS a
	JOIN pg_type AS t ON t.oid = a.atttypid
	WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		AND (a.attname IN ('id', 'txid', 'ts', 'cts', 'resource')
			OR a.attname = 'resource_type' AND has_column_privilege(c.oid, a.attnum, 'SELECT'))
) AS a
LEFT JOIN pg_class AS h ON h.relnamespace = c.relnamespace AND h.relname = c.relname || '_history'
	AND (c.relkind IN ('r', 'p') AND h.relkind IN ('r', 'p') OR c.relkind = 'v' AND h.relkind = 'v')
	AND (
		SELECT count(*) FROM pg_attribute AS k
		WHERE k.attrelid = h.oid AND NOT k.attisdropped AND has_column_privilege(k.attrelid, k.attnum, 'SELECT')
			AND (k.attname = 'id' OR k.attname = 'ts' AND k.atttypid = 'timestamptz'::regtype)
	) = 2
WHERE n.nspname = $1
	AND lower(c.relname) = ANY($2)
	AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY lower(c.relname), c.relname <> lower(c.relname), c.relname`

// candidate is a relation that has the name of a resource type.
type candidate struct {
	oid         uint32
	hasTypeName bool // there is a column resource_type that may be read
	table       Table

	// fault is why it cannot be read as a FHIR table; nil if it can.
	fault *UnreadableError
}

// listCandidates looks for the relations of these types, at most one for each, in
// the order of their names.
func listCandidates(ctx context.Context, db querier, schema string, types []string) ([]*candidate, error) {
	typeOf := tableNames(types)
	rows, err := db.Query(ctx, candidatesSQL, schema, slices.Collect(maps.Keys(typeOf)))
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*candidate, error) {
		c := &candidate{}
		t := &c.table
		var kind string
		var names, types []string
		var readable, hidden bool
		err := row.Scan(&c.oid, &t.Schema, &t.Name, &kind, &names, &types, &readable, &hidden, &t.HasHistory, &t.HasVersions, &t.HistoryBytes)
		t.Type = typeOf[strings.ToLower(t.Name)]
		c.inspect(kind, names, types, readable, hidden)
		return c, err
	})
	if err != nil {
		return nil, err
	}
	return onePerType(all), nil
}

// onePerType leaves one relation for each type: the one named as Aidbox names it
// or, if there is none, the only other one. Several others are a fault.
func onePerType(all []*candidate) []*candidate {
	var chosen []*candidate
	for _, c := range all {
		last := len(chosen) - 1
		switch {
		case last < 0 || chosen[last].table.Type != c.table.Type:
			chosen = append(chosen, c)
		case chosen[last].table.Name != strings.ToLower(c.table.Name):
			chosen[last].fault = chosen[last].unreadable("its name differs from that of table "+c.table.plainName()+" only in case", true)
		}
	}
	return chosen
}

// lock keeps the table, with its partitions, from being rewritten, truncated or
// dropped until the transaction ends: blocks then stay where they are. Readers
// and writers do not notice. ErrRewritten if that came before the lock, and
// after the snapshot of the transaction.
func (c *candidate) lock(ctx context.Context, db querier) error {
	err := pin(ctx, db, false, c.table.Schema, c.table.Name)
	if err == nil && c.table.HasHistory {
		err = pin(ctx, db, false, c.table.Schema, c.table.Name+historySuffix)
	}
	return err
}

// sampleRows is how many rows of a table are asked which resource type they name, if
// the first row names another than the table.
const sampleRows = 100

// sampleSQL returns, of the first rows of the relation %[2]s, whether one names the
// type $1, whether one spells it otherwise, and what else they name. A name that
// does not begin with a capital letter is that of no type, so it spells none.
const sampleSQL = `
SELECT coalesce(bool_or(type = $1), false),
	coalesce(bool_or(type <> $1 AND lower(type) = lower($1) AND type ~ '^[A-Z]'), false),
	coalesce(array_agg(DISTINCT left(type, 63)) FILTER (WHERE type <> $1), '{}')
FROM (SELECT %[1]s AS type FROM %[2]s AS r LIMIT %[3]d) AS sample`

// checkRows fills in OtherTypes, and returns ErrNoTable if the rows spell the type
// otherwise than the caller.
func (c *candidate) checkRows(ctx context.Context, db querier) error {
	expression := "r.resource->>'resourceType'"
	if c.hasTypeName {
		expression = "coalesce(r.resource_type::text, r.resource->>'resourceType')"
	}
	var named, misspelled bool
	for _, rows := range []int{1, sampleRows} {
		sql := fmt.Sprintf(sampleSQL, expression, quote(c.table.Schema, c.table.Name), rows)
		if err := db.QueryRow(ctx, sql, c.table.Type).Scan(&named, &misspelled, &c.table.OtherTypes); err != nil {
			return err
		}
		if len(c.table.OtherTypes) == 0 {
			break
		}
	}
	if misspelled && !named {
		return fmt.Errorf("%w: %q", ErrNoTable, c.table.Type)
	}
	return nil
}

// membersSQL lists, for each relation of $1, the relations that hold its rows
// and their sizes, in a lasting order. The relation itself is one unless it is
// partitioned: tables of old-style inheritance have rows of their own.
const membersSQL = `
WITH RECURSIVE tree (root, member) AS (
	SELECT root, root FROM unnest($1::oid[]) AS root
	UNION
	SELECT tree.root, i.inhrelid FROM tree JOIN pg_inherits AS i ON i.inhparent = tree.member
)
SELECT tree.root, n.nspname::text, c.relname::text, c.relkind NOT IN ('r', 'm'),
	pg_relation_size(c.oid) / current_setting('block_size')::int,
	pg_relation_size(c.oid) + CASE c.reltoastrelid WHEN 0 THEN 0 ELSE pg_relation_size(c.reltoastrelid) END
FROM tree
JOIN pg_class AS c ON c.oid = tree.member
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind <> 'p'
ORDER BY tree.root, n.nspname, c.relname`

// measure fills in the members and sizes of the candidates' tables.
func measure(ctx context.Context, db querier, candidates []*candidate) error {
	byOID := make(map[uint32]*Table, len(candidates))
	oids := make([]uint32, 0, len(candidates))
	for _, c := range candidates {
		byOID[c.oid] = &c.table
		oids = append(oids, c.oid)
	}

	rows, err := db.Query(ctx, membersSQL, oids)
	if err != nil {
		return err
	}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Member, err error) {
		var oid uint32
		if err := row.Scan(&oid, &m.Schema, &m.Name, &m.Whole, &m.Blocks, &m.Bytes); err != nil {
			return m, err
		}
		table := byOID[oid]
		table.Members = append(table.Members, m)
		table.Blocks += m.Blocks
		table.Bytes += m.Bytes
		return m, nil
	})
	return err
}

// remeasure fills in the members and sizes of a table anew.
func remeasure(ctx context.Context, db querier, table Table) (Table, error) {
	c := &candidate{table: table}
	c.table.Members, c.table.Blocks, c.table.Bytes = nil, 0, 0
	if err := db.QueryRow(ctx, `SELECT $1::regclass::oid`, quote(table.Schema, table.Name)).Scan(&c.oid); err != nil {
		return table, err
	}
	err := measure(ctx, db, []*candidate{c})
	return c.table, err
}

// quote writes a relation's name for use in SQL.
func quote(schema, name string) string { return pgx.Identifier{schema, name}.Sanitize() }
