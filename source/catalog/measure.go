package catalog

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// membersSQL lists, for each relation of $1, the relations that contain its rows and
// their sizes, in a stable order. The relation itself is one of them unless it is
// partitioned: with inheritance, parents have rows of their own.
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

// measure sets the members and sizes of the candidates' tables.
func measure(ctx context.Context, db Querier, candidates []*candidate) error {
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
		if err := row.Scan(&oid, &m.Schema, &m.Name, &m.Unsplit, &m.Pages, &m.Bytes); err != nil {
			return m, err
		}
		table := byOID[oid]
		table.Members = append(table.Members, m)
		table.Pages += m.Pages
		table.Bytes += m.Bytes
		return m, nil
	})
	return err
}

// Measure returns the table with its current members and sizes.
func Measure(ctx context.Context, db Querier, table Table) (Table, error) {
	c := &candidate{table: table}
	c.table.Members, c.table.Pages, c.table.Bytes = nil, 0, 0
	if err := db.QueryRow(ctx, `SELECT $1::regclass::oid`, Quote(table.Schema, table.Name)).Scan(&c.oid); err != nil {
		return table, err
	}
	err := measure(ctx, db, []*candidate{c})
	return c.table, err
}

// Quote returns a relation's name, quoted for SQL.
func Quote(schema, name string) string { return pgx.Identifier{schema, name}.Sanitize() }
