package search_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/search"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// manySQL fills tables with 20,000 observations of as many patients, every other
// one a member of the Group g.
const manySQL = `
CREATE TABLE observation (id text PRIMARY KEY, txid bigint DEFAULT 0, ts timestamptz, cts timestamptz, resource jsonb NOT NULL);
CREATE TABLE "group" (LIKE observation INCLUDING ALL);
INSERT INTO observation (id, resource) SELECT n, jsonb_build_object('subject',
	jsonb_build_object('resourceType', 'Patient', 'id', 'p' || n)) FROM generate_series(1, 20000) AS n;
INSERT INTO "group" (id, resource) SELECT 'g', jsonb_build_object('member', jsonb_agg(jsonb_build_object('entity',
	jsonb_build_object('resourceType', 'Patient', 'id', 'p' || 2 * n)))) FROM generate_series(1, 10000) AS n;
CREATE INDEX ON observation USING gin (resource jsonb_path_ops);
ANALYZE`

// TestGroupIsJoined holds that PostgreSQL joins the members of a Group as a set,
// whole or in part, and does not look for each row's patient or each member's
// rows; and that an index over the documents serves where there is one.
func TestGroupIsJoined(t *testing.T) {
	t.Parallel()

	url := sourcetest.Database(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), manySQL)
	require.NoError(t, err)
	s, err := source.Open(t.Context(), source.Config{URL: url})
	require.NoError(t, err)
	defer s.Close()
	observation, err := s.Table(t.Context(), "Observation")
	require.NoError(t, err)
	many := store{source: s, tables: map[string]source.Table{"Observation": observation}}

	group := search.OfGroup("Observation", search.Group{ID: "g", Table: `"group"`, At: noon})
	require.Len(t, many.ids(t, "Observation", group), 10_000)
	for _, limit := range []string{"", " AND r.ctid >= '(10,0)' AND r.ctid < '(20,0)'"} {
		plan := explain(t, conn, limit, group)
		require.NotContains(t, plan, "SubPlan", plan)
		require.GreaterOrEqual(t, strings.Count(plan, "Hash Join")+strings.Count(plan, "Hash Semi Join"), 2, plan)
		require.NotContains(t, plan, "Index", plan)
	}

	plan := explain(t, conn, "", search.OfPatients("Observation", []string{"p1", "p2"}))
	require.Contains(t, plan, "Bitmap Index Scan", plan)
	filter, err := search.Parse("Observation", "subject=Patient/p1,Patient/p2")
	require.NoError(t, err)
	require.Contains(t, explain(t, conn, "", filter.Condition()), "Bitmap Index Scan")
}

// explain returns PostgreSQL's plan for a scan with the condition.
func explain(t *testing.T, conn *pgx.Conn, limit string, condition search.Condition) string {
	t.Helper()

	clause := condition.SQL()
	sql := "EXPLAIN SELECT r.id FROM observation AS r WHERE true" + limit
	if clause.Where != "" {
		sql += " AND (" + clause.Where + ")"
	}
	if clause.Keys != "" {
		sql += fmt.Sprintf(` AND r.id IN (SELECT DISTINCT k.id FROM (SELECT r.id, %s AS key FROM observation AS r WHERE true%s OFFSET 0) AS k
			JOIN (%s) AS s ON s.key = k.key WHERE length(k.key) BETWEEN 0 AND 2147483647)`, clause.Keys, limit, clause.Set)
	}
	args := make([][]byte, len(clause.Args))
	for i, arg := range clause.Args {
		args[i] = []byte(arg)
	}
	result := conn.PgConn().ExecParams(t.Context(), sql, args, nil, nil, nil).Read()
	require.NoError(t, result.Err)
	var plan strings.Builder
	for _, row := range result.Rows {
		plan.Write(row[0])
		plan.WriteByte('\n')
	}
	return plan.String()
}
