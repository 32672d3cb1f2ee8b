package load_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/load"
)

// statusSQL returns the versions of all patients, the current ones with an asterisk.
const versionsSQL = `
SELECT id || ' ' || txid || ' ' || status || ' ' || (resource #>> '{name,0,given,0}') || star FROM (
  SELECT *, '*' AS star FROM patient UNION ALL SELECT *, '' FROM patient_history
) v ORDER BY id, txid`

func patient(id, name string) string {
	return `{"resourceType":"Patient","id":"` + id + `","name":[{"given":["` + name + `"]}]}`
}

func TestAKnownIDGetsANewVersion(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	db.loadLines(t, patient("a", "Anna"), patient("b", "Ben"))
	created := db.text(t, `SELECT cts::text FROM patient WHERE id = 'a'`)

	summary := db.loadLines(t, patient("c", "Cleo"), patient("a", "Anne"))
	require.Equal(t, []load.TypeCount{{Type: "Patient", Resources: 2}}, summary.Types)
	db.loadLines(t, patient("a", "Annie"))

	require.Equal(t, []string{
		"a 1 created Anna", "a 2 updated Anne", "a 3 updated Annie*",
		"b 1 created Ben*",
		"c 2 created Cleo*",
	}, db.rows(t, versionsSQL))
	require.Equal(t, "true", db.text(t, `SELECT (cts::text = $1 AND ts > cts)::text FROM patient WHERE id = 'a'`, created),
		"createdAt stays, lastUpdated moves")
	require.Equal(t, "true", db.text(t, `SELECT (ts = cts AND cts::text = $1)::text FROM patient_history WHERE txid = 1`, created),
		"history keeps the times of the old version")
}

// TestTimesBeyondMicroseconds: times are truncated to microseconds, and a leap second
// becomes second 59.
func TestTimesBeyondMicroseconds(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	db.load(t, load.Options{Format: load.Aidbox, KeepTimes: true}, writeLines(t, "patients.ndjson",
		`{"resourceType":"Patient","id":"leap","meta":{"lastUpdated":"2016-12-31T23:59:60Z","createdAt":"2016-12-31T23:59:60.5+00:00"}}`,
		`{"resourceType":"Patient","id":"nano","meta":{"lastUpdated":"2024-12-31T23:59:59.9999999Z","createdAt":"1999-12-31T23:59:59.9999999Z"}}`))
	require.Equal(t, []string{
		"leap 2016-12-31 23:59:59 2016-12-31 23:59:59.5",
		"nano 2024-12-31 23:59:59.999999 1999-12-31 23:59:59.999999",
	}, db.rows(t, `SELECT id || ' ' || ts AT TIME ZONE 'UTC' || ' ' || cts AT TIME ZONE 'UTC' FROM patient ORDER BY id`))
}

func TestADeletedIDIsRecreated(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	db.loadLines(t, patient("a", "Anna"))
	_, err := db.conn.Exec(t.Context(), `
		INSERT INTO patient_history SELECT * FROM patient;
		INSERT INTO patient_history SELECT id, nextval('transaction_id_seq'), now(), cts, NULL, 'deleted', resource FROM patient;
		DELETE FROM patient`)
	require.NoError(t, err)

	// The main table is empty now, but its history is not.
	db.loadLines(t, patient("a", "Anne"), patient("b", "Ben"))
	require.Equal(t, []string{
		"a 1 created Anna", "a 2 deleted Anna", "a 3 recreated Anne*",
		"b 3 created Ben*",
	}, db.rows(t, versionsSQL))

	db.loadLines(t, patient("a", "Annie"))
	require.Contains(t, db.rows(t, versionsSQL), "a 4 updated Annie*")
}

func TestTimes(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	kept := load.Options{Format: load.Aidbox, KeepTimes: true}
	db.load(t, kept, writeLines(t, "patients.ndjson",
		`{"resourceType":"Patient","id":"both","meta":{"lastUpdated":"2024-05-31T10:00:00.123456+02:00","createdAt":"2023-01-02T03:04:05Z","versionId":7}}`,
		`{"resourceType":"Patient","id":"changed","meta":{"lastUpdated":"2024-05-31T08:00:00Z","profile":["http://example.org/p"]}}`,
		`{"resourceType":"Patient","id":"none"}`,
	))
	db.loadLines(t, `{"resourceType":"Patient","id":"now","meta":{"lastUpdated":"2024-05-31T08:00:00Z"}}`)

	_, err := db.conn.Exec(t.Context(), `SET timezone = 'UTC'`)
	require.NoError(t, err)
	require.Equal(t, []string{
		"both 2024-05-31 08:00:00.123456+00 2023-01-02 03:04:05+00 1 {}",
		`changed 2024-05-31 08:00:00+00 2024-05-31 08:00:00+00 1 {"meta": {"profile": ["http://example.org/p"]}}`,
	}, db.rows(t, `SELECT concat_ws(' ', id, ts, cts, txid, resource) FROM patient WHERE ts < now() - interval '1 day' ORDER BY id`))
	require.Equal(t, []string{"none", "now"},
		db.rows(t, `SELECT id FROM patient WHERE ts = cts AND ts > now() - interval '1 hour' ORDER BY id`))
}

func TestTimesInFHIRFormat(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	line := `{"resourceType":"Patient","id":"a","meta":{"lastUpdated":"2024-05-31T08:00:00Z",` +
		`"extension":[{"url":"https://example.org/created","valueInstant":"2023-01-02T03:04:05Z"}]}}`
	db.load(t, load.Options{KeepTimes: true, CreatedAtURL: "https://example.org/created"},
		writeLines(t, "patients.ndjson", line))

	require.Equal(t, "2023-01-02 03:04:05 2024-05-31 08:00:00 {}",
		db.text(t, `SELECT concat_ws(' ', cts AT TIME ZONE 'UTC', ts AT TIME ZONE 'UTC', resource) FROM patient`))
}

// TestVersionsWithoutSequence: a database that was filled by other means, such as a
// dump of its tables, has versions but no sequence. Its versions continue after the
// highest.
func TestVersionsWithoutSequence(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	db.loadLines(t, patient("a", "Anna"), group)
	_, err := db.conn.Exec(t.Context(), `DROP SEQUENCE transaction_id_seq; UPDATE group_history SET txid = 0;
		INSERT INTO group_history SELECT id, 41, ts, cts, resource_type, status, resource FROM "group"`)
	require.NoError(t, err)

	db.loadLines(t, patient("a", "Anne"))
	require.Equal(t, []string{"a 1 created Anna", "a 42 updated Anne*"}, db.rows(t, versionsSQL))
}

// TestVersionUsedBefore: a sequence that is behind the tables is reported as
// such, and not as a duplicate in the file.
func TestVersionUsedBefore(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	db.loadLines(t, patient("a", "Anna"))
	_, err := db.conn.Exec(t.Context(), `SELECT setval('transaction_id_seq', 1, false)`)
	require.NoError(t, err)

	_, err = load.Files(t.Context(), db.url, []string{writeLines(t, "a.ndjson", patient("a", "Anne"))}, load.Options{})
	require.ErrorContains(t, err, `Patient/a already has version 1: the sequence transaction_id_seq is behind the tables`)
	require.NotContains(t, err.Error(), "duplicate")
}
