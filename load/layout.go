package load

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// lockSQL serializes loads that change the same schema or table, until the end of the
// transaction. It blocks only loads.
const lockSQL = `SELECT pg_advisory_xact_lock(hashtextextended('sluice load ' || $1, 0))`

// sharedSQL checks for the objects that all FHIR tables of a schema share.
const sharedSQL = `SELECT to_regnamespace($1) IS NOT NULL, to_regtype($2) IS NOT NULL, to_regclass($3) IS NOT NULL`

// sequenceName is the sequence of versions of all tables of a schema.
const sequenceName = "transaction_id_seq"

// createSchema creates the schema, the status type and the sequence of versions unless
// they exist. If they do, the privilege to insert is sufficient.
func createSchema(ctx context.Context, tx pgx.Tx, schema string) error {
	if _, err := tx.Exec(ctx, lockSQL, schema); err != nil {
		return err
	}

	name := pgx.Identifier{schema}.Sanitize()
	statusType, sequence := qualified(schema, "resource_status"), qualified(schema, sequenceName)
	var hasSchema, hasType, hasSequence bool
	row := tx.QueryRow(ctx, sharedSQL, name, statusType, sequence)
	if err := row.Scan(&hasSchema, &hasType, &hasSequence); err != nil {
		return err
	}

	create := ""
	if !hasSchema {
		create += `CREATE SCHEMA ` + name + `;`
	}
	if !hasType {
		create += `CREATE TYPE ` + statusType + ` AS ENUM ('created', 'updated', 'deleted', 'recreated');`
	}
	if !hasSequence {
		highest, err := highestVersion(ctx, tx, schema)
		if err != nil {
			return fmt.Errorf("find the highest version: %w", err)
		}
		create += fmt.Sprintf(`CREATE SEQUENCE %s START %d`, sequence, max(highest, 0)+1)
	}
	_, err := tx.Exec(ctx, create)
	return err
}

// versionedSQL lists the tables and history tables of the schema $1 by their columns.
const versionedSQL = `
SELECT c.relname::text FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND NOT a.attisdropped
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')
	AND (a.attname IN ('id', 'resource') OR a.attname = 'txid' AND a.atttypid IN ('bigint'::regtype, 'integer'::regtype))
GROUP BY c.relname HAVING count(*) = 3`

// highestVersion returns the highest txid of tables that are older than the sequence of
// versions, such as tables restored without it. It reads them completely, which happens
// once in a schema.
func highestVersion(ctx context.Context, tx pgx.Tx, schema string) (highest int64, err error) {
	rows, err := tx.Query(ctx, versionedSQL, schema)
	if err != nil {
		return 0, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		var version int64
		if err := tx.QueryRow(ctx, `SELECT coalesce(max(txid), 0) FROM `+qualified(schema, name)).Scan(&version); err != nil {
			return 0, err
		}
		highest = max(highest, version)
	}
	return highest, nil
}

// nextVersion returns the version and the time of all rows of a file.
func nextVersion(ctx context.Context, tx pgx.Tx, schema string) (txid int64, now time.Time, err error) {
	const nextVersionSQL = `SELECT nextval($1::regclass), now()`
	err = tx.QueryRow(ctx, nextVersionSQL, qualified(schema, sequenceName)).Scan(&txid, &now)
	return txid, now, err
}

// table is the table of a resource type.
type table struct {
	name    string // unquoted, as the server names it in errors
	main    string // quoted and qualified
	history string
	empty   bool // reports whether it had no rows and no history when it was opened
}

const (
	presentSQL = `SELECT to_regclass($1) IS NOT NULL, to_regclass($2) IS NOT NULL`
	createSQL  = `CREATE TABLE %s (
  id text %s,
  txid bigint NOT NULL,
  ts timestamptz DEFAULT now(),
  cts timestamptz DEFAULT now(),
  resource_type text,
  status %s NOT NULL,
  resource jsonb NOT NULL%s
)`
	emptySQL = `SELECT NOT EXISTS (SELECT FROM %s) AND NOT EXISTS (SELECT FROM %s)`
)

// openTable locks the tables of a type for this transaction, and creates them unless
// they exist. Other loads of the type wait until the transaction ends.
func openTable(ctx context.Context, tx pgx.Tx, schema, resourceType string) (*table, error) {
	name := strings.ToLower(resourceType)
	t := &table{name: name, main: qualified(schema, name), history: qualified(schema, name+"_history")}
	if _, err := tx.Exec(ctx, lockSQL, t.main); err != nil {
		return nil, err
	}

	var hasMain, hasHistory bool
	if err := tx.QueryRow(ctx, presentSQL, t.main, t.history).Scan(&hasMain, &hasHistory); err != nil {
		return nil, err
	}
	status := qualified(schema, "resource_status")
	if !hasMain {
		if _, err := tx.Exec(ctx, fmt.Sprintf(createSQL, t.main, "PRIMARY KEY", status, "")); err != nil {
			return nil, err
		}
	}
	if !hasHistory {
		if _, err := tx.Exec(ctx, fmt.Sprintf(createSQL, t.history, "", status, ",\n  PRIMARY KEY (id, txid)")); err != nil {
			return nil, err
		}
	}
	err := tx.QueryRow(ctx, fmt.Sprintf(emptySQL, t.main, t.history)).Scan(&t.empty)
	return t, err
}

func qualified(schema, name string) string {
	return pgx.Identifier{schema, name}.Sanitize()
}
