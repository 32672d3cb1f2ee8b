package load_test

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/load"
)

// documentedSQL is the layout in Aidbox's documentation.
const documentedSQL = `CREATE SCHEMA documented;
CREATE TYPE documented.resource_status AS ENUM ('created', 'updated', 'deleted', 'recreated');
CREATE SEQUENCE documented.transaction_id_seq;
CREATE TABLE documented."group" (
  id text primary key, txid bigint not null, ts timestamptz DEFAULT current_timestamp,
  cts timestamptz DEFAULT current_timestamp, resource_type text,
  status documented.resource_status not null, resource jsonb not null);
CREATE TABLE documented.group_history (
  id text, txid bigint not null, ts timestamptz DEFAULT current_timestamp,
  cts timestamptz DEFAULT current_timestamp, resource_type text,
  status documented.resource_status not null, resource jsonb not null, PRIMARY KEY (id, txid))`

// layoutSQL returns the columns and keys of the two tables of Group.
const layoutSQL = `
SELECT replace(c.relname || ' ' || a.attname || ' ' || format_type(a.atttypid, NULL) || ' ' || a.attnotnull || ' '
  || replace(coalesce(pg_get_expr(d.adbin, d.adrelid), ''), 'now()', 'CURRENT_TIMESTAMP'), $1 || '.', '') AS line
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE n.nspname = $1 AND c.relname IN ('group', 'group_history')
UNION ALL
SELECT replace(indexdef, $1 || '.', '') FROM pg_indexes WHERE schemaname = $1
ORDER BY line`

func TestTablesAreLaidOutAsDocumented(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	_, err := db.conn.Exec(t.Context(), documentedSQL)
	require.NoError(t, err)

	for _, schema := range []string{"public", "Lake 2"} {
		db.load(t, load.Options{Schema: schema}, writeLines(t, "groups.ndjson", group))

		quoted := pgx.Identifier{schema}.Sanitize()
		want := db.rows(t, layoutSQL, "documented")
		got := db.rows(t, layoutSQL, schema)
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], quoted+".", "")
		}
		require.Len(t, want, 16)
		require.Equal(t, want, got)
		require.Equal(t, "1", db.text(t, `SELECT last_value::text FROM `+quoted+`.transaction_id_seq`))
		require.Equal(t, "{created,updated,deleted,recreated}",
			db.text(t, `SELECT enum_range(NULL::`+quoted+`.resource_status)::text`))
	}
}

func TestColumns(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	_, err := db.conn.Exec(t.Context(), `CREATE SEQUENCE transaction_id_seq START 481`)
	require.NoError(t, err)

	before := db.text(t, `SELECT now()::text`)
	db.load(t, load.Options{}, writeLines(t, "a.ndjson", alice, bob), writeLines(t, "b.ndjson", group))
	after := db.text(t, `SELECT now()::text`)

	require.Equal(t, []string{
		`(pt-1,481,Patient,created,"{""name"": [{""given"": [""Alice""]}]}")`,
		`(pt-2,481,Patient,created,"{""name"": [{""given"": [""Bob""]}]}")`,
	}, db.rows(t, `SELECT (id, txid, resource_type, status, resource)::text FROM patient ORDER BY id`))
	require.Equal(t, []string{`(g-1,482,Group,created,"{""actual"": true}")`},
		db.rows(t, `SELECT (id, txid, resource_type, status, resource)::text FROM "group"`))
	require.Equal(t, "true", db.text(t,
		`SELECT bool_and(ts = cts AND ts BETWEEN $1 AND $2)::text FROM patient`, before, after))
}

func TestARoleThatMayNotCreate(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	db.loadLines(t, alice)

	role := pgx.Identifier{"sluice_test_" + rand.Text()}.Sanitize()
	_, err := db.conn.Exec(t.Context(), `REVOKE CREATE ON SCHEMA public FROM PUBLIC;
		CREATE ROLE `+role+` LOGIN PASSWORD 'loader';
		GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO `+role+`;
		GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO `+role)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.conn.Exec(context.WithoutCancel(t.Context()), `DROP OWNED BY `+role+`; DROP ROLE `+role)
		require.NoError(t, err)
	})

	u, err := url.Parse(db.url)
	require.NoError(t, err)
	u.User = url.UserPassword(strings.Trim(role, `"`), "loader")
	_, err = load.Files(t.Context(), u.String(), []string{writeLines(t, "more.ndjson", alice, bob)}, load.Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"pt-1", "pt-2"}, db.rows(t, patientIDs))

	_, err = load.Files(t.Context(), u.String(), []string{writeLines(t, "groups.ndjson", group)}, load.Options{})
	require.ErrorContains(t, err, "permission denied")
}
