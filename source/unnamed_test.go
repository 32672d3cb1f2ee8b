package source_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// storages are tables as Aidbox 2606 may have them: of types in tables of other names,
// with histories of other names or none.
var storages = aidbox("observation_main") + aidbox("patient") + aidbox("patient_new") + aidbox("client") + aidbox("empty_main") + `
	INSERT INTO observation_main (id, txid, resource_type, resource) VALUES ('o', 1, 'Observation', '{}');
	INSERT INTO observation_main_history (id, txid, resource_type, resource) VALUES ('gone', 1, 'Observation', '{}');
	INSERT INTO patient (id, txid, resource_type, resource) VALUES ('old', 1, 'Patient', '{}');
	INSERT INTO patient_new (id, txid, resource_type, resource) VALUES ('new', 1, 'Patient', '{}');
	INSERT INTO client (id, txid, resource_type, resource) VALUES ('c', 1, 'Client', '{}');
	CREATE TABLE visits (id text, txid bigint, ts timestamptz, resource jsonb);
	INSERT INTO visits VALUES ('v', 1, now(), '{"resourceType": "Encounter"}');
	CREATE TABLE logs (LIKE visits);
	INSERT INTO logs VALUES ('a', 1, now(), '{"resourceType": "Task"}'), ('b', 1, now(), '{"resourceType": "Device"}');
	CREATE TABLE parts (id text, txid bigint, ts timestamptz, resource jsonb) PARTITION BY HASH (id);
	CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	INSERT INTO parts SELECT n, 1, now(), '{"resourceType": "Condition"}' FROM generate_series(1, 10) AS n;
	CREATE VIEW recent AS SELECT id, txid, ts, resource_type, resource FROM observation_main;`

func reasonOf(t *testing.T, s *source.Source, resourceType string) string {
	t.Helper()
	_, err := s.Table(t.Context(), resourceType)
	require.Error(t, err, resourceType)
	return err.Error()
}

// TestUnnamedTables: a type in a table of another name is found by its rows. Of two
// tables, a setting decides which one is read.
func TestUnnamedTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t, storages)
	s := open(t, source.Config{URL: f.url, ResourceTypes: []string{"Patient", "Observation", "Encounter", "Condition"}})
	for resourceType, name := range map[string]string{"Observation": "observation_main", "Encounter": "visits", "Condition": "parts", "Client": "client"} {
		table, err := s.Table(t.Context(), resourceType)
		require.NoError(t, err, resourceType)
		require.Equal(t, name, table.Name)
		require.Empty(t, table.OtherTypes)
	}
	table, err := s.Table(t.Context(), "Observation")
	require.NoError(t, err)
	require.Equal(t, "observation_main_history", table.HistoryName)

	const both = "tables patient and patient_new cannot be read: all have resources of the type Patient; the setting --table decides which one is read"
	require.Contains(t, reasonOf(t, s, "Patient"), both)
	require.Contains(t, reasonOf(t, s, "Task"), "table logs cannot be read: its rows have several resource types: Device, Task")
	faults, err := s.Faults(t.Context(), []string{"Patient", "Observation", "Task", "Missing"})
	require.NoError(t, err)
	require.Len(t, faults, 3)
	require.EqualError(t, faults["Patient"], both)
	require.ErrorIs(t, faults["Task"], catalog.ErrNoTable)
	require.NotErrorIs(t, faults["Patient"], catalog.ErrNoTable)

	sn, err := s.OpenSnapshot(t.Context())
	require.NoError(t, err)
	defer func() { _ = sn.Close(t.Context()) }()
	tables, err := sn.Tables(t.Context(), []string{"Observation", "Encounter", "Condition", "Task"}, "Patient")
	require.NoError(t, err)
	require.Len(t, tables, 3)
	_, err = sn.Tables(t.Context(), []string{"Patient", "Observation"})
	require.ErrorContains(t, err, both)
	require.Equal(t, 1, f.locks(t, "patient_new", "client", "logs", "empty_main", "observation_main"), "only tables that are read are locked")

	// A second table that is found later, or emptied.
	f.exec(t, `INSERT INTO empty_main (id, txid, resource) VALUES ('e', 1, '{"resourceType": "Observation"}')`)
	require.Contains(t, reasonOf(t, s, "Observation"), "tables empty_main and observation_main cannot be read")
	f.exec(t, `TRUNCATE empty_main, patient_new`)
	for _, resourceType := range []string{"Observation", "Patient"} {
		_, err = s.Table(t.Context(), resourceType)
		require.NoError(t, err)
	}
}

// locks counts which of these tables are locked.
func (f fixture) locks(t *testing.T, names ...string) (n int) {
	t.Helper()
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT count(DISTINCT c.relname) FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
		WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND c.relname = ANY($1)`, names).Scan(&n))
	return n
}

// TestLockedUnnamedTable: nothing waits for a table that it has nothing to do with.
func TestLockedUnnamedTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, storages)
	other := connect(t, f.url)
	_, err := other.Exec(t.Context(), `BEGIN; LOCK TABLE logs, patient_new, empty_main`)
	require.NoError(t, err)
	f.exec(t, `SET lock_timeout = '1s'`)
	s := open(t, source.Config{URL: f.url, ResourceTypes: []string{"Patient", "Observation"}})
	table, err := s.Table(t.Context(), "Observation")
	require.NoError(t, err)
	require.Equal(t, "observation_main", table.Name)
}

// TestMappedTables: a setting names the table of a type, and its history or none.
func TestMappedTables(t *testing.T) {
	t.Parallel()
	f := newFixture(t, storages+`CREATE TABLE "OldPatients" (LIKE patient_history)`)
	configure := func(texts ...string) *source.Source {
		config := source.Config{URL: f.url}
		for _, text := range texts {
			m, err := catalog.ParseMapping(text)
			require.NoError(t, err)
			require.Equal(t, text, m.String())
			config.Tables = append(config.Tables, m)
		}
		return open(t, config)
	}
	for text, want := range map[string][2]string{
		"Patient=patient_new,OldPatients":     {"patient_new", "OldPatients"},
		"Patient=patient_new":                 {"patient_new", "patient_new_history"},
		"Patient=patient_new,":                {"patient_new", ""},
		"Patient=patient,patient_new_history": {"patient", "patient_new_history"},
		"Observation=recent":                  {"recent", ""},
		"Patient=patient_new,missing":         {"patient_new", ""},
	} {
		m, err := catalog.ParseMapping(text)
		require.NoError(t, err)
		table, err := configure(text).Table(t.Context(), m.Type)
		require.NoError(t, err, text)
		require.Equal(t, want, [2]string{table.Name, table.HistoryName}, text)
		require.Equal(t, want[1] != "", table.HasVersions, text)
		require.Equal(t, want[1] == "", table.HistoryFault != "", text)
	}
	require.Contains(t, reasonOf(t, configure("Patient=nowhere"), "Patient"), "table nowhere cannot be read: there is no such table")
	faults, err := configure("Patient=nowhere").Faults(t.Context(), []string{"Patient"})
	require.NoError(t, err)
	require.NotErrorIs(t, faults["Patient"], catalog.ErrNoTable, "an export of all types must not leave it out")

	for _, text := range []string{"", "Patient", "Patient=", "=patient", "patient=patient", "Patient=a,b,c", "Patient=a,a"} {
		_, err := catalog.ParseMapping(text)
		require.Error(t, err, text)
	}
	_, err = source.Open(t.Context(), source.Config{URL: f.url, Tables: []catalog.Mapping{{Type: "Patient", Table: "a"}, {Type: "Device", Table: "a"}}})
	require.ErrorContains(t, err, "table a is mapped to Patient and Device")
}

// TestUnnamedWithError: a table of something else whose rows cannot be computed does
// not keep the others from being read.
func TestUnnamedWithError(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+`CREATE TABLE strange (LIKE patient);
		INSERT INTO strange (id, txid, resource) VALUES ('x', 1, '{}');
		ALTER TABLE strange ENABLE ROW LEVEL SECURITY;
		CREATE POLICY divides ON strange USING (1 / (txid - txid) = 0);`)
	name := role(t, f)
	f.exec(t, `GRANT SELECT ON patient, strange TO `+name)
	s := open(t, source.Config{URL: as(t, f.url, name), ResourceTypes: []string{"Patient"}, RowSecurity: true})
	_, err := s.Table(t.Context(), "Patient")
	require.NoError(t, err)
	require.NoError(t, s.CheckTables(t.Context()))
}
