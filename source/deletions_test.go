package source_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
)

// deleted returns the ids that were deleted after 2024-05-10 as the snapshot shows
// them, sorted.
func (f fixture) deleted(t *testing.T, sn *source.Snapshot, resourceType string) []string {
	t.Helper()
	var ids []string
	deletions := source.Deletions{Table: f.table(t, resourceType), After: time.Date(2024, 5, 10, 0, 0, 0, 0, time.UTC)}
	reader, err := f.source.OpenReader(t.Context(), sn.ID)
	require.NoError(t, err)
	defer reader.Close(t.Context())
	err = eachID(reader.Deletions(t.Context(), deletions))(func(id []byte) error {
		ids = append(ids, string(id))
		return nil
	})
	require.NoError(t, err)
	slices.Sort(ids)
	return ids
}

// aidboxDeletions are rows as Aidbox writes them: the last version, then one with
// the status deleted.
const aidboxDeletions = `
	CREATE TYPE resource_status AS ENUM ('created', 'updated', 'deleted', 'recreated');
	CREATE TABLE "group" (id text PRIMARY KEY, txid bigint, ts timestamptz, cts timestamptz, resource_type text, status resource_status, resource jsonb);
	CREATE TABLE group_history (id text, txid bigint, ts timestamptz, cts timestamptz, resource_type text, status resource_status, resource jsonb, PRIMARY KEY (id, txid));
	INSERT INTO group_history (id, txid, ts, status, resource) VALUES
		('deleted', 1, '2024-05-01Z', 'created', '{}'), ('deleted', 2, '2024-05-11Z', 'deleted', '{}'),
		('short-lived', 3, '2024-05-11Z', 'created', '{}'), ('short-lived', 4, '2024-05-12Z', 'deleted', '{}'),
		('long-gone', 5, '2024-05-01Z', 'created', '{}'), ('long-gone', 6, '2024-05-10Z', 'deleted', '{}'),
		('updated', 7, '2024-05-11Z', 'created', '{}'),
		('recreated', 8, '2024-05-01Z', 'created', '{}'), ('recreated', 9, '2024-05-11Z', 'deleted', '{}');
	INSERT INTO "group" (id, txid, ts, status, resource) VALUES
		('updated', 10, '2024-05-12Z', 'updated', '{}'), ('recreated', 11, '2024-05-12Z', 'recreated', '{}'), ('old', 12, '2024-05-01Z', 'created', '{}');`

// fhirbaseDeletions are rows as Fhirbase writes them: the last version, then the
// same again with the time and the transaction of the deletion.
const fhirbaseDeletions = `
	CREATE TABLE patient (id text PRIMARY KEY, txid bigint NOT NULL, ts timestamptz DEFAULT now(), resource_type text DEFAULT 'Patient', status text NOT NULL, resource jsonb NOT NULL);
	CREATE TABLE patient_history (id text, txid bigint NOT NULL, ts timestamptz DEFAULT now(), status text NOT NULL, resource jsonb NOT NULL, PRIMARY KEY (id, txid));
	INSERT INTO patient_history VALUES
		('deleted', 1, '2024-05-01Z', 'created', '{}'), ('deleted', 2, '2024-05-11Z', 'created', '{}'),
		('long-gone', 3, '2024-05-01Z', 'updated', '{}'), ('long-gone', 4, '2024-05-02Z', 'updated', '{}'),
		('updated', 5, '2024-05-11Z', 'created', '{}');
	INSERT INTO patient (id, txid, ts, status, resource) VALUES ('updated', 6, '2024-05-12Z', 'updated', '{}');`

func TestDeletions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidboxDeletions+fhirbaseDeletions)
	sn := f.snapshot(t)
	f.exec(t, `INSERT INTO patient_history VALUES ('updated', 7, now(), 'updated', '{}'); DELETE FROM patient`)

	require.Equal(t, []string{"deleted", "short-lived"}, f.deleted(t, sn, "Group"))
	require.Equal(t, []string{"deleted"}, f.deleted(t, sn, "Patient"), "as the snapshot shows them")
	require.Equal(t, []string{"deleted", "updated"}, f.deleted(t, f.snapshot(t), "Patient"))
}

func TestDeletionsEndEarly(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidboxDeletions)
	sn := f.snapshot(t)
	reader, err := f.source.OpenReader(t.Context(), sn.ID)
	require.NoError(t, err)
	full := errors.New("full")
	err = eachID(reader.Deletions(t.Context(), source.Deletions{Table: f.table(t, "Group")}))(func([]byte) error { return full })
	reader.Close(t.Context())
	require.Equal(t, full, err)
	require.Equal(t, []string{"deleted", "short-lived"}, f.deleted(t, sn, "Group"), "the next one reads")
}

// Only a history that can be read is one.
func TestHistory(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+aidbox("encounter")+aidbox("device")+aidbox("group")+`
		DROP TABLE device_history; CREATE TABLE device_history (id text, ts text);
		DROP TABLE group_history; CREATE TABLE group_history (LIKE "group") PARTITION BY HASH (id);
		CREATE TABLE group_history_0 PARTITION OF group_history FOR VALUES WITH (MODULUS 1, REMAINDER 0);
		INSERT INTO group_history (id, txid, resource) VALUES ('g', 1, '{}');`)
	name := role(t, f)
	f.exec(t, strings.ReplaceAll(`
		GRANT SELECT ON patient, encounter, device, "group" TO ROLE;
		GRANT SELECT (id, ts) ON patient_history, device_history, group_history TO ROLE`, "ROLE", name))
	sn, err := open(t, source.Config{URL: as(t, f.url, name)}).OpenSnapshot(t.Context())
	require.NoError(t, err)
	defer func() { _ = sn.Close(context.Background()) }()

	tables, err := sn.Tables(t.Context(), []string{"Patient", "Encounter", "Device", "Group"})
	require.NoError(t, err)
	histories := map[string]bool{}
	for _, table := range tables {
		histories[table.Type] = table.HasHistory
		if table.Type == "Group" {
			require.EqualValues(t, 8192, table.HistoryBytes)
		}
	}
	require.Equal(t, map[string]bool{"Device": false, "Encounter": false, "Group": true, "Patient": true}, histories)

	_, err = f.db.Exec(t.Context(), `SET lock_timeout = '10ms'; TRUNCATE patient_history`)
	require.ErrorContains(t, err, "lock timeout", "the snapshot would see it empty")
}
