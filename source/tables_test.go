package source_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

func TestTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+aidbox("group")+aidbox("carenote")+aidbox("unused")+`
		INSERT INTO carenote VALUES ('n', 1, now(), now(), 'CareNote', 'created', '{}');
		CREATE TABLE observation (id text, txid bigint, ts timestamptz, resource jsonb);
		CREATE TABLE encounter (LIKE patient) PARTITION BY HASH (id);
		CREATE TABLE encounter_0 PARTITION OF encounter FOR VALUES WITH (MODULUS 2, REMAINDER 0);
		CREATE TABLE encounter_1 PARTITION OF encounter FOR VALUES WITH (MODULUS 2, REMAINDER 1);
		CREATE TABLE transaction (id serial, ts timestamptz, resource jsonb);
		CREATE TABLE device (id serial, owner text);
		CREATE TABLE patient_backup AS SELECT * FROM patient;
		CREATE SCHEMA other; CREATE TABLE other.medication (LIKE patient);`)

	tables, err := f.snapshot(t).Tables(t.Context(),
		[]string{"Patient", "Group", "Observation", "Encounter", "Device", "Medication", "CareNote", "carenote", "Missing"})
	require.NoError(t, err)

	byType := map[string]catalog.Table{}
	types := make([]string, 0, len(tables))
	for _, table := range tables {
		types = append(types, table.Type)
		byType[table.Type] = table
	}
	require.Equal(t, []string{"CareNote", "Encounter", "Group", "Observation", "Patient"}, types)
	require.True(t, byType["Patient"].HasCreated)
	require.True(t, byType["Patient"].HasHistory)
	require.False(t, byType["Observation"].HasCreated)
	require.False(t, byType["Observation"].HasHistory)
	require.Len(t, byType["Encounter"].Members, 2)
	require.Positive(t, byType["CareNote"].Pages)
	require.Zero(t, byType["Patient"].Pages)
}

func TestTablesUnreadable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient"))
	other := open(t, source.Config{URL: as(t, f.url, role(t, f))})
	sn, err := other.OpenSnapshot(t.Context())
	require.NoError(t, err)
	defer func() { _ = sn.Close(t.Context()) }()

	_, err = sn.Tables(t.Context(), []string{"Patient"})
	var table *catalog.TableError
	require.ErrorAs(t, err, &table)
	require.Equal(t, "Patient", table.Type)
	require.ErrorContains(t, err, "table patient cannot be read: the database role of the server has no SELECT privilege on it")
}

// While a snapshot is held, its tables can't be rewritten or emptied, which no
// snapshot would survive; other tables can.
func TestTablesAreKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+aidbox("encounter")+`INSERT INTO patient (id, txid, resource) VALUES ('p', 1, '{}')`)
	sn := f.snapshot(t)
	_, err := sn.Tables(t.Context(), []string{"Patient"})
	require.NoError(t, err)

	for _, statement := range []string{`TRUNCATE patient`, `ALTER TABLE patient ADD COLUMN x int DEFAULT random()`, `DROP TABLE patient`} {
		_, err := f.db.Exec(t.Context(), `SET lock_timeout = '50ms'; `+statement)
		require.ErrorContains(t, err, "lock timeout", statement)
	}
	f.exec(t, `UPDATE patient SET txid = 2; TRUNCATE encounter`)
}

func TestTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("group")+aidbox("carenote")+aidbox("empty")+`
		INSERT INTO "group" VALUES ('g', 1, now(), now(), NULL, 'created', '{"resourceType": "Group"}');
		INSERT INTO carenote VALUES ('n', 1, now(), now(), 'CareNote', 'created', '{}')`)

	require.Equal(t, "group", f.table(t, "Group").Name)
	require.Equal(t, "carenote", f.table(t, "CareNote").Name)
	require.Equal(t, "empty", f.table(t, "Empty").Name)
	require.Equal(t, []string{"g"}, f.ids(t, source.Scan{Table: f.table(t, "Group")}))

	// The name decides, and the rows only how it is spelled.
	f.exec(t, `CREATE TABLE person (id text, txid bigint, ts timestamptz, resource_type text, resource jsonb);
		INSERT INTO person VALUES ('a', 1, now(), 'person', '{}'), ('b', 1, now(), 'Patient', '{}'), ('c', 1, now(), 'Person', '{}')`)
	require.Equal(t, []string{"Patient", "person"}, f.table(t, "Person").OtherTypes)
	f.exec(t, `DELETE FROM person WHERE id = 'c'`)
	require.Equal(t, "person", f.table(t, "Person").Name)
	require.Empty(t, f.table(t, "Group").OtherTypes)

	for _, name := range []string{"group", "GROUP", "Carenote", "empty", "Missing", "Group_history", "", "G" + strings.Repeat("x", 5000), `Group"; DROP TABLE empty; --`} {
		_, err := f.source.Table(t.Context(), name)
		require.ErrorIs(t, err, catalog.ErrNoTable, name)
	}
}
