package source_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// uuidRows fills a table whose ids are UUIDs and whose resources are json.
const uuidRows = `CREATE TABLE patient (id uuid PRIMARY KEY, txid integer, ts timestamptz, resource json);
	CREATE TABLE patient_history (LIKE patient);
	INSERT INTO patient SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, n, '2026-01-01', json_build_object('n', n, 'text', repeat(md5(n::text), 30))
	FROM generate_series(1, 2000) AS n;
	INSERT INTO patient_history VALUES ('00000000-0000-0000-0000-000000000010', 1, '2026-01-02', '{}'), ('00000000-0000-0000-0000-ffffffffffff', 1, '2026-01-02', '{"gone": 1}');`

func uuid(n int) string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", n) }

// TestOtherColumnTypes: ids that are UUIDs and resources that are json are read by
// every way there is.
func TestOtherColumnTypes(t *testing.T) {
	t.Parallel()
	f := newFixture(t, uuidRows)
	table := f.table(t, "Patient")
	require.Greater(t, table.Pages, int64(10))

	require.Len(t, f.ids(t, source.Scan{Table: table}), 2000)
	only := sqltext.Condition{Where: sqltext.New("r.id = {id} AND r.resource ? 'n'", sqltext.Values{"id": sqltext.Arg(uuid(7), "text")})}
	require.Equal(t, []string{uuid(7)}, f.ids(t, source.Scan{Table: table, Condition: only}))

	sn := f.snapshot(t)
	tables, err := sn.Tables(t.Context(), []string{"Patient"})
	require.NoError(t, err)
	reader, err := f.source.OpenReader(t.Context(), sn.ID)
	require.NoError(t, err)
	defer reader.Close(t.Context())

	var ids []string
	for _, blocks := range catalog.PageRanges(tables[0], 64<<10) {
		require.NoError(t, eachRow(reader.Scan(t.Context(), source.Scan{Table: tables[0], Pages: blocks}))(func(row *source.Row) error {
			ids = append(ids, string(row.ID))
			return nil
		}))
	}
	slices.Sort(ids)
	require.Len(t, slices.Compact(ids), 2000)

	var gone []string
	require.NoError(t, eachID(reader.Deletions(t.Context(), source.Deletions{Table: tables[0]}))(func(id []byte) error {
		gone = append(gone, string(id))
		return nil
	}))
	require.Equal(t, []string{"00000000-0000-0000-0000-ffffffffffff"}, gone)

	var page []string
	require.NoError(t, eachRow(f.source.Page(t.Context(), source.Scan{Table: table}, uuid(10), 2))(func(row *source.Row) error {
		page = append(page, string(row.ID))
		return nil
	}))
	require.Equal(t, []string{uuid(11), uuid(12)}, page)
}

// TestPaddedIDs: ids of type char(n) are read without their padding.
func TestPaddedIDs(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `CREATE TABLE patient (id char(8) PRIMARY KEY, txid integer, ts timestamptz, resource jsonb);
		INSERT INTO patient VALUES ('a', 1, now(), '{}'), ('b', 2, now(), '{}');`)
	table := f.table(t, "Patient")
	require.ElementsMatch(t, []string{"a", "b"}, f.ids(t, source.Scan{Table: table}))
	only := sqltext.Condition{Where: sqltext.New("r.id = {id}", sqltext.Values{"id": sqltext.Arg("b", "text")})}
	require.Equal(t, []string{"b"}, f.ids(t, source.Scan{Table: table, Condition: only}))
}

// TestOtherColumnTypesKeyed: rows of such a table are found by keys and picked by
// their addresses.
func TestOtherColumnTypesKeyed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, uuidRows)
	sn := f.snapshot(t)
	tables, err := sn.Tables(t.Context(), []string{"Patient"})
	require.NoError(t, err)
	relations, err := tables[0].Relations()
	require.NoError(t, err)
	reader, err := f.source.OpenReader(t.Context(), sn.ID)
	require.NoError(t, err)
	defer reader.Close(t.Context())

	keyed := source.KeyScan{MaxKeys: 10, OnlyKeyed: true, Relations: []source.KeyedRelation{{
		Relation: relations[0], References: sqltext.Text(`CASE WHEN r.resource ->> 'n' = '7' THEN jsonb_build_array(jsonb_build_object('id', r.id)) ELSE '[]' END`),
	}}}
	var places []source.RowAddress
	require.NoError(t, reader.ScanKeys(t.Context(), keyed, func(row *source.KeyedRow) error {
		require.Equal(t, uuid(7), string(row.Key))
		places = append(places, source.RowAddress{Relation: row.Relation, TID: row.TID})
		return nil
	}))
	require.Len(t, places, 1)
	fetcher, err := reader.NewFetcher(t.Context(), relations)
	require.NoError(t, err)
	require.NoError(t, fetcher.Fetch(t.Context(), places, func(_ int, row *source.Row) error {
		require.Equal(t, uuid(7), string(row.ID))
		return nil
	}))
}

// otherRelations have the names of types, and are not just tables.
var otherRelations = aidbox("base") + `
	CREATE TABLE resources (resource_type text, id text, txid bigint, ts timestamptz, resource jsonb) PARTITION BY LIST (resource_type);
	CREATE TABLE medication PARTITION OF resources FOR VALUES IN ('Medication');
	CREATE TABLE device () INHERITS (base);
	CREATE TABLE "Group" (LIKE base);
	CREATE VIEW location AS SELECT * FROM base WHERE id LIKE 'loc%';
	CREATE MATERIALIZED VIEW encounter AS SELECT * FROM base;
	CREATE DOMAIN document AS jsonb; CREATE TABLE slot (id text, txid bigint, ts timestamptz, resource document);
	INSERT INTO medication VALUES ('Medication', 'm', 1, now(), '{}');
	INSERT INTO device (id, txid, resource) VALUES ('d', 1, '{}');
	INSERT INTO "Group" (id, txid, resource) VALUES ('g', 1, '{}');
	INSERT INTO base (id, txid, resource) VALUES ('loc1', 1, '{}'), ('x', 1, '{}');
	INSERT INTO slot VALUES ('s', 1, now(), '{}');
	REFRESH MATERIALIZED VIEW encounter;`

// TestOtherRelations: partitions and heirs of other tables, views, and names in
// other cases are read.
func TestOtherRelations(t *testing.T) {
	t.Parallel()
	f := newFixture(t, otherRelations)
	sn := f.snapshot(t)
	wanted := map[string][]string{
		"Medication": {"m"}, "Device": {"d"}, "Group": {"g"}, "Location": {"loc1"}, "Encounter": {"d", "loc1", "x"}, "Slot": {"s"},
	}
	for resourceType, ids := range wanted {
		tables, err := sn.Tables(t.Context(), []string{resourceType})
		require.NoError(t, err, resourceType)
		require.Len(t, tables, 1, resourceType)
		var found []string
		for _, blocks := range catalog.PageRanges(tables[0], 1) {
			require.NoError(t, scanAt(t.Context(), f.source, sn.ID, source.Scan{Table: tables[0], Pages: blocks}, func(row *source.Row) error {
				found = append(found, string(row.ID))
				return nil
			}), resourceType)
		}
		require.ElementsMatch(t, ids, found, resourceType)
		require.ElementsMatch(t, ids, f.ids(t, source.Scan{Table: f.table(t, resourceType)}), resourceType)
	}
	only := sqltext.Condition{Where: sqltext.New("r.id IN (SELECT s.id FROM {rows} AS s)", nil)}
	require.Equal(t, []string{"loc1"}, f.ids(t, source.Scan{Table: f.table(t, "Location"), Condition: only}))
	_, err := f.table(t, "Location").Relations()
	require.ErrorIs(t, err, catalog.ErrNoAddresses)
}

// TestViewOfRewrittenTable: no snapshot shows rows that were truncated, and a view
// would hide that.
func TestViewOfRewrittenTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, otherRelations)
	sn := f.snapshot(t)
	f.exec(t, `TRUNCATE base, device`)
	_, err := sn.Tables(t.Context(), []string{"Location"})
	require.ErrorIs(t, err, catalog.ErrRewritten)
}

// TestUnreadableAtOnce: all tables that cannot be read are named in one error.
func TestUnreadableAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+aidbox("encounter")+aidbox("device"))
	name := role(t, f)
	f.exec(t, `GRANT SELECT ON patient TO `+name+`; GRANT SELECT (id, ts, txid, cts) ON device TO `+name)
	s := open(t, source.Config{URL: as(t, f.url, name)})
	sn, err := s.OpenSnapshot(t.Context())
	require.NoError(t, err)
	defer func() { _ = sn.Close(t.Context()) }()
	_, err = sn.Tables(t.Context(), []string{"Patient", "Encounter", "Device"})
	require.EqualError(t, err, "source: Device: table device cannot be read: the database role of the server has no SELECT privilege on the columns resource; "+
		"Encounter: table encounter cannot be read: the database role of the server has no SELECT privilege on it")

	f.exec(t, `REVOKE USAGE ON SCHEMA public FROM PUBLIC`)
	_, err = s.Table(t.Context(), "Patient")
	require.ErrorContains(t, err, "no USAGE privilege on its schema")
}

// TestUnreadable: what has the name of a type and the columns of a resource but
// cannot be read is named with the reason; a table of something else is none.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+`
		CREATE TABLE observation (id text, txid bigint, ts timestamp, resource jsonb);
		CREATE TABLE device (id text, txid bigint, ts timestamptz, resource text);
		CREATE VIEW location AS SELECT id, ts, resource FROM patient;
		CREATE TABLE "Encounter" (LIKE patient); CREATE TABLE "ENCOUNTER" (LIKE patient);
		CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER other FOREIGN DATA WRAPPER elsewhere;
		CREATE FOREIGN TABLE schedule (id text, txid bigint, ts timestamptz, resource jsonb) SERVER other;
		CREATE MATERIALIZED VIEW flag AS SELECT * FROM patient WITH NO DATA;
		CREATE TABLE task (id serial, title text);`)

	reasons := map[string]string{
		"Observation": "table observation cannot be read: column ts is of type timestamp without time zone, not timestamp with time zone",
		"Device":      "table device cannot be read: column resource is of type text, not jsonb",
		"Location":    "view location cannot be read: it has no column txid",
		"Encounter":   `table "ENCOUNTER" cannot be read: its name differs from that of table "Encounter" only in case`,
		"Schedule":    "foreign table schedule cannot be read: its rows are in another database, which has other snapshots",
		"Flag":        "materialized view flag cannot be read: it has no data until REFRESH MATERIALIZED VIEW",
		"Task":        "table task cannot be read: it has no column txid",
	}
	faults, err := f.source.Faults(t.Context(), []string{"Patient", "Observation", "Device", "Location", "Encounter", "Schedule", "Flag", "Task", "Missing"})
	require.NoError(t, err)
	require.Len(t, faults, len(reasons)+1)
	require.Equal(t, catalog.ErrNoTable, faults["Missing"])
	for resourceType, reason := range reasons {
		require.EqualError(t, faults[resourceType], reason)
		_, err := f.source.Table(t.Context(), resourceType)
		require.ErrorContains(t, err, reason)
		require.Equal(t, resourceType == "Task", errors.Is(err, catalog.ErrNoTable), resourceType)

		tables, err := f.snapshot(t).Tables(t.Context(), []string{"Patient", resourceType})
		if resourceType == "Task" {
			require.NoError(t, err)
			require.Len(t, tables, 1)
			continue
		}
		var table *catalog.TableError
		require.ErrorAs(t, err, &table)
		require.Equal(t, resourceType, table.Type)
		require.ErrorContains(t, err, reason)
		tables, err = f.snapshot(t).Tables(t.Context(), []string{"Patient"}, resourceType)
		require.NoError(t, err)
		require.Len(t, tables, 1)
	}
}
