package source_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
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
		CREATE TABLE device (id text, txid bigint, ts timestamptz, resource text);
		CREATE VIEW location AS SELECT * FROM patient;
		CREATE SCHEMA other; CREATE TABLE other.medication (LIKE patient);`)

	tables, err := f.source.Tables(t.Context(), []string{"Patient", "Group", "Observation", "Encounter", "Device", "Location", "Medication"})
	require.NoError(t, err)

	byType := map[string]source.Table{}
	types := make([]string, 0, len(tables))
	for _, table := range tables {
		types = append(types, table.Type)
		byType[table.Type] = table
	}
	require.Equal(t, []string{"CareNote", "Encounter", "Group", "Observation", "Patient", "unused"}, types)
	require.True(t, byType["Patient"].HasCreated)
	require.True(t, byType["Patient"].HasHistory)
	require.False(t, byType["Observation"].HasCreated)
	require.False(t, byType["Observation"].HasHistory)
	require.Len(t, byType["Encounter"].Members, 2)
	require.Positive(t, byType["CareNote"].Blocks)
	require.Zero(t, byType["Patient"].Blocks)
}

func TestTablesUnreadable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+aidbox("client")+`
		INSERT INTO client VALUES ('c', 1, now(), now(), 'Client', 'created', '{}')`)
	other := open(t, source.Config{URL: as(t, f.url, role(t, f))})

	tables, err := other.Tables(t.Context(), []string{"Patient"})
	require.NoError(t, err)
	require.Len(t, tables, 1, "only the table of a known type is taken for one")

	err = other.Scan(t.Context(), source.Scan{Table: tables[0]}, func(*source.Row) error { return nil })
	require.ErrorContains(t, err, "permission denied for table patient")
}

func TestTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("group")+aidbox("pt")+aidbox("empty")+`
		INSERT INTO "group" VALUES ('g', 1, now(), now(), NULL, 'created', '{"resourceType": "Group"}');
		INSERT INTO pt VALUES ('p', 1, now(), now(), 'Patient', 'created', '{}')`)

	require.Equal(t, "group", f.table(t, "Group").Name)
	require.Equal(t, "pt", f.table(t, "Patient").Name, "named by its rows")
	require.Equal(t, "empty", f.table(t, "Empty").Name)
	require.Equal(t, []string{"g"}, f.ids(t, source.Scan{Table: f.table(t, "Group")}))

	for _, name := range []string{"group", "GROUP", "Pt", "empty", "Missing", "Group_history", "", `Group"; DROP TABLE pt; --`} {
		_, err := f.source.Table(t.Context(), name)
		require.ErrorIs(t, err, source.ErrNoTable, name)
	}
}
