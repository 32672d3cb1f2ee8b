package search_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// manySQL inserts 100,000 observations of half as many patients, and a Provenance for
// every tenth. The Group g has every other patient; others, for which the planner
// expects many rows, have none.
const manySQL = `
CREATE TABLE observation (id text PRIMARY KEY, txid bigint DEFAULT 0, ts timestamptz, cts timestamptz, resource jsonb NOT NULL);
CREATE TABLE "group" (LIKE observation INCLUDING ALL);
CREATE TABLE provenance (LIKE observation INCLUDING ALL);
INSERT INTO observation (id, resource) SELECT 'o' || n, jsonb_build_object('status', 'final', 'note', repeat(md5(n::text), 10), 'subject',
	jsonb_build_object('resourceType', 'Patient', 'id', 'p' || n / 2)) FROM generate_series(1, 100000) AS n;
INSERT INTO provenance (id, resource) SELECT 'v' || n, jsonb_build_object('target', jsonb_build_array(
	jsonb_build_object('resourceType', 'Observation', 'id', 'o' || 10 * n))) FROM generate_series(1, 10000) AS n;
INSERT INTO "group" (id, resource) SELECT 'g', jsonb_build_object('member', jsonb_agg(jsonb_build_object('entity',
	jsonb_build_object('resourceType', 'Patient', 'id', 'p' || 2 * n)))) FROM generate_series(1, 25000) AS n;
INSERT INTO "group" (id, resource) SELECT 'other' || n, '{}' FROM generate_series(1, 5000) AS n;
CREATE INDEX ON observation USING gin (resource jsonb_path_ops);
CREATE INDEX observation_versions ON observation (id) WHERE resource::text LIKE '%\_history%';
ANALYZE`

// many is a database with this data.
type many struct {
	store
	conn *pgx.Conn
}

func newMany(t *testing.T) many {
	t.Helper()

	url := sourcetest.Database(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	_, err = conn.Exec(t.Context(), manySQL)
	require.NoError(t, err)
	s, err := source.Open(t.Context(), source.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	tables := map[string]catalog.Table{}
	for _, resourceType := range []string{"Observation", "Provenance"} {
		tables[resourceType], err = s.Table(t.Context(), resourceType)
		require.NoError(t, err)
	}
	return many{store{source: s, tables: tables}, conn}
}

// explain runs a statement on the {rows} of a table and returns its plan.
func (m many) explain(t *testing.T, statement sqltext.Fragment, table string) string {
	t.Helper()

	rows := sqltext.Text("(SELECT ctid, * FROM " + table + ")")
	sql, args := statement.Fill(sqltext.Values{sqltext.Rows: rows}).Statement()
	result := m.conn.PgConn().ExecParams(t.Context(), "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) "+sql, args, nil, nil, nil).Read()
	require.NoError(t, result.Err)
	var plan strings.Builder
	for _, row := range result.Rows {
		plan.Write(row[0])
		plan.WriteByte('\n')
	}
	return plan.String()
}

func (m many) explainWhere(t *testing.T, table string, condition sqltext.Condition) string {
	t.Helper()

	return m.explain(t, sqltext.Concat(sqltext.Text("SELECT r.id FROM "+table+" AS r WHERE "), condition.Where), table)
}

// The members of a Group are evaluated once, as a set, and each row is looked up in it;
// there is no query per patient or row.
func TestGroupIsHashed(t *testing.T) {
	t.Parallel()

	m := newMany(t)
	group := members(search.Group{ID: "g", Table: `"group"`, At: noon})
	require.Len(t, m.ids(t, "Observation", group.Compartment("Observation")), 49_999)
	plan := m.explainWhere(t, "observation", group.Compartment("Observation"))
	require.Equal(t, 1, strings.Count(plan, "hashed SubPlan"), plan)
	require.Equal(t, 2, strings.Count(plan, `on "group"`), plan)
	for line := range strings.Lines(plan) {
		if strings.Contains(line, `on "group"`) || strings.Contains(line, "rows=25000") {
			require.Contains(t, line, "loops=1)", plan)
		}
	}
}

// TestFewPatientsByIndex checks that the resources of few patients, and those that a
// filter by reference matches, are found by two indexes: one on the documents, and one
// for references with a version.
func TestFewPatientsByIndex(t *testing.T) {
	t.Parallel()

	m := newMany(t)
	for _, count := range []int{2, 1000} {
		ids := make([]string, count)
		for i := range ids {
			ids[i] = fmt.Sprintf("p%d", i+1)
		}
		condition := search.Patients{IDs: ids}.Compartment("Observation")
		require.Len(t, m.ids(t, "Observation", condition), 2*count)
		plan := m.explain(t, condition.Lookup, "observation")
		require.Contains(t, plan, "Bitmap Index Scan on observation_resource_idx", plan)
		require.NotContains(t, plan, "Seq Scan", plan)
	}
	for _, query := range []string{"subject=Patient/p1,Patient/p2", "subject=p1,p2", "patient=p1,p2"} {
		filter, err := search.Parse("Observation", query)
		require.NoError(t, err)
		condition := filter.Condition()
		require.Equal(t, []string{"o2", "o3", "o4", "o5"}, m.ids(t, "Observation", condition))
		plan := m.explain(t, condition.Lookup, "observation")
		require.Contains(t, plan, "Bitmap Index Scan on observation_resource_idx", plan)
		require.NotContains(t, plan, "Seq Scan", plan)
	}
}

// The targets of Provenance are looked up by the primary keys of their tables, and the
// result is compared with the patients once.
func TestProvenanceBySet(t *testing.T) {
	t.Parallel()

	m := newMany(t)
	for name, whose := range map[string]search.Patients{
		"few":   {IDs: []string{"p5", "p10", "p15"}},
		"group": members(search.Group{ID: "g", Table: `"group"`, At: noon}),
	} {
		about := search.Provenance{Patients: &whose, Referred: true, Targets: []search.Target{
			{Type: "Observation", Table: "observation"}, {Type: "Provenance", Table: "provenance"},
		}}.Condition()
		plan := m.explainWhere(t, "provenance", about)
		if name == "group" {
			require.Len(t, m.ids(t, "Provenance", about), 5000)
			require.Equal(t, 2, strings.Count(plan, `on "group"`), plan)
			require.Equal(t, 2, strings.Count(plan, "hashed SubPlan"), "of the patients, and of the Provenance", plan)
		} else {
			require.Equal(t, []string{"v1", "v2", "v3"}, m.ids(t, "Provenance", about))
		}
		for line := range strings.Lines(plan) {
			if strings.Contains(line, " Scan on ") && !strings.Contains(line, "Function") && !strings.Contains(line, "on target") && !strings.Contains(line, `on "group"`) && !strings.Contains(line, "on opened") {
				require.Regexp(t, `loops=1\)|never executed`, line, plan)
			}
		}
		require.Contains(t, plan, "using observation_pkey", plan)
	}
}
