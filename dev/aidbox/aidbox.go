// Package aidbox creates and changes FHIR resources in PostgreSQL as Aidbox does: a
// table for each resource type, which holds the current versions, and a table for its
// history.
//
// It contains SQL only. A %[1]s in it is the table.
package aidbox

import (
	"fmt"
	"strings"
)

// SetupSQL creates what all tables need.
const SetupSQL = `
CREATE TYPE resource_status AS ENUM ('created', 'updated', 'deleted', 'recreated');
CREATE SEQUENCE transaction_id_seq;
`

// Table returns the name of a type's table. With its schema it may be a word that SQL
// reserves, such as binary.
func Table(resourceType string) string { return "public." + strings.ToLower(resourceType) }

// Columns returns the columns of a type's table, and of its history, for CREATE TABLE.
// The primary key is (id), and (id, txid) in the history.
func Columns(resourceType string) string {
	return fmt.Sprintf(`
  id text NOT NULL, txid bigint NOT NULL, ts timestamptz DEFAULT now(), cts timestamptz DEFAULT now(),
  resource_type text DEFAULT '%s', status resource_status NOT NULL DEFAULT 'created', resource jsonb NOT NULL`, resourceType)
}

// Statements that change the resource with the id $1 at the time $2; NULL means the time of
// the transaction. The previous version moves to the history, in which a deletion has a
// row of its own.
const (
	// UpdateSQL replaces the elements of the resource that $3 has.
	UpdateSQL = `
WITH previous AS (INSERT INTO %[1]s_history SELECT * FROM %[1]s WHERE id = $1)
UPDATE %[1]s SET txid = nextval('transaction_id_seq'), ts = coalesce($2::timestamptz, now()), status = 'updated',
  resource = resource || $3::jsonb WHERE id = $1`

	DeleteSQL = `
WITH deleted AS (DELETE FROM %[1]s WHERE id = $1 RETURNING *),
  previous AS (INSERT INTO %[1]s_history SELECT * FROM deleted)
INSERT INTO %[1]s_history (id, txid, ts, cts, resource_type, status, resource)
SELECT id, nextval('transaction_id_seq'), coalesce($2::timestamptz, now()), cts, resource_type, 'deleted', resource FROM deleted`

	// RecreateSQL creates a deleted resource again.
	RecreateSQL = `
INSERT INTO %[1]s (id, txid, ts, cts, resource_type, status, resource)
SELECT id, nextval('transaction_id_seq'), coalesce($2::timestamptz, now()), coalesce($2::timestamptz, now()), resource_type, 'recreated', resource
FROM %[1]s_history WHERE id = $1 AND status = 'deleted'`
)
