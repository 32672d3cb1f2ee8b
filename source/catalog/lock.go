package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// changedSQL reports whether the table $2 of the schema $1, or one of its partitions or
// of the tables that inherit from it, has changed since the snapshot: rewritten or
// truncated (it has a new file), replaced (the name means another relation), dropped, or
// with other partitions. Catalog tables are read as of the snapshot, while the functions
// return the current state. The tables below a view (its SELECT rule depends on them)
// are only compared by their files: the role may have no privilege on their schemas.
const changedSQL = `
WITH RECURSIVE root AS (
	SELECT c.oid, c.relkind FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE n.nspname = $1 AND c.relname = $2
), tree (oid, below) AS (
	SELECT oid, false FROM root
	UNION
	SELECT next.oid, tree.below OR next.below FROM tree CROSS JOIN LATERAL (
		SELECT i.inhrelid, false FROM pg_inherits AS i WHERE i.inhparent = tree.oid
		UNION ALL
		SELECT d.refobjid, true FROM pg_rewrite AS w
		JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
		WHERE w.ev_class = tree.oid AND w.ev_type = '1'
	) AS next (oid, below)
)
SELECT NOT EXISTS (SELECT FROM root)
	OR EXISTS (
		SELECT FROM tree JOIN pg_class AS c USING (oid) JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE CASE WHEN NOT tree.below THEN to_regclass(format('%I.%I', n.nspname, c.relname))::oid IS DISTINCT FROM c.oid END
			OR pg_relation_filenode(c.oid) IS DISTINCT FROM nullif(c.relfilenode, 0))
	OR EXISTS (
		SELECT FROM root WHERE relkind = 'p'
			AND ARRAY(SELECT oid FROM tree ORDER BY oid) <> ARRAY(SELECT relid::oid AS oid FROM pg_partition_tree(root.oid) ORDER BY oid))`

// requireUnchanged returns ErrRewritten unless the table is as the snapshot of the
// transaction shows it. The transaction must have locked it before.
//
// A snapshot does not prevent a table from being rewritten; only a lock does, and it is
// released with its holder. The rows of a rewritten table are in other pages than
// planned, and those of a truncated one are missing without an error.
func requireUnchanged(ctx context.Context, db Querier, schema, name string) error {
	var changed bool
	if err := db.QueryRow(ctx, changedSQL, schema, name).Scan(&changed); err != nil {
		return err
	}
	if changed {
		return fmt.Errorf("%w: %s", ErrRewritten, Quote(schema, name))
	}
	return nil
}

// LockAndVerify locks a relation until the transaction ends, as reading it does
// (ACCESS SHARE), and verifies that it is as the snapshot shows it: otherwise the error is
// ErrRewritten. With only, tables that inherit from it are not locked. The statement LOCK
// would need more privileges than reading does, and does not support foreign tables.
func LockAndVerify(ctx context.Context, db Querier, only bool, schema, name string) error {
	from := "SELECT FROM "
	if only {
		from += "ONLY "
	}
	if _, err := db.Exec(ctx, from+Quote(schema, name)+" LIMIT 0"); err != nil {
		if isUndefinedTable(err) {
			return fmt.Errorf("%w: %w", ErrRewritten, err)
		}
		return err
	}
	return requireUnchanged(ctx, db, schema, name)
}

// isUndefinedTable reports whether the error means that there is no such table.
func isUndefinedTable(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgErr.Code == "42P01" || pgErr.Code == "3F000") // undefined_table, invalid_schema_name
}
