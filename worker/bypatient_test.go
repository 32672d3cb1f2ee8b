package worker_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/manifest"
)

// organizedManifest is the manifest of an export by patient.
type organizedManifest struct {
	OutputOrganizedBy string
	Output            []struct {
		Type            *string
		URL             string
		ContinuesInFile string
		Count           int
	}
	Deleted, Error []manifest.Entry
}

// blocks reads the export as a client does, file by file, and returns the lines of each
// patient's block in order, without the header.
func (f *fixture) blocks(t *testing.T, id uuid.UUID) map[string][]string {
	t.Helper()
	var m organizedManifest
	require.NoError(t, json.Unmarshal(f.object(t, id.String()+"/manifest.json"), &m))
	require.Equal(t, "Patient", m.OutputOrganizedBy)
	require.Len(t, f.keys(t, id), len(m.Output)+len(m.Deleted)+len(m.Error)+1, "the files and the manifest, and no more")

	blocks := map[string][]string{}
	current, continuesIn := "", ""
	for _, file := range m.Output {
		require.Nil(t, file.Type)
		lines := unzip(t, f.object(t, file.URL))
		headers := 0
		for _, line := range lines {
			if _, isHeader := headerOf(t, line); isHeader {
				headers++
			}
		}
		require.Equal(t, len(lines)-headers, file.Count, "headers are not resources")
		require.Equal(t, continuesIn != "", continuesIn == file.URL, "a divided block continues in the next file")
		for i, line := range lines {
			patient, isHeader := headerOf(t, line)
			switch {
			case !isHeader:
				require.NotZero(t, i, "a file begins with a header")
				blocks[current] = append(blocks[current], line)
			case i == 0 && continuesIn != "":
				require.Equal(t, current, patient, "the header is repeated")
			default:
				require.NotContains(t, blocks, patient, "a patient has one block")
				blocks[patient] = nil
			}
			if isHeader {
				current = patient
			}
		}
		continuesIn = file.ContinuesInFile
	}
	require.Empty(t, continuesIn)
	for patient, lines := range blocks {
		require.NotEmpty(t, lines, patient)
	}
	return blocks
}

// headerOf returns the patient whose block the line begins. It reports whether the line
// is a header.
func headerOf(t *testing.T, line string) (patient string, ok bool) {
	t.Helper()
	var resource struct {
		ResourceType string
		Parameter    []struct {
			Name           string
			ValueReference struct{ Reference string }
			Value          struct {
				Reference struct{ ID, ResourceType string }
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(line), &resource))
	if resource.ResourceType != "Parameters" {
		return "", false
	}
	require.Len(t, resource.Parameter, 1)
	require.Equal(t, "header", resource.Parameter[0].Name)
	if reference := resource.Parameter[0].Value.Reference; reference.ID != "" { // Aidbox's format
		require.Equal(t, "Patient", reference.ResourceType)
		return reference.ID, true
	}
	return strings.CutPrefix(resource.Parameter[0].ValueReference.Reference, "Patient/")
}

// blockIDs returns the blocks with Type/id for each line.
func (f *fixture) blockIDs(t *testing.T, id uuid.UUID) map[string][]string {
	t.Helper()
	ids := map[string][]string{}
	for patient, lines := range f.blocks(t, id) {
		for _, line := range lines {
			ids[patient] = append(ids[patient], nameOf(t, line))
		}
	}
	return ids
}

// organized kicks off an export by patient and waits for its end.
func (f *fixture) organized(t *testing.T, request jobs.Request) uuid.UUID {
	t.Helper()
	request.OrganizeBy, request.FHIR = "Patient", true
	if request.Types == nil {
		request.Types = []string{"Group", "Observation", "Patient", "Practitioner"}
	}
	id := f.accept(t, request)
	f.await(t, id, jobs.Completed)
	return id
}

// told returns the diagnostics of the export's outcomes, sorted.
func (f *fixture) told(t *testing.T, id uuid.UUID) []string {
	t.Helper()
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	told := []string{}
	for _, outcome := range f.outcomes(t, files.Outcomes) {
		told = append(told, outcome.Issue[0].Diagnostics)
	}
	slices.Sort(told)
	return told
}

// The patient comes first, then the resources of its compartment by type, restricted by
// all other parameters of the request.
func TestBlocks(t *testing.T) {
	t.Parallel()
	f := newFixture(t, wards+`
		INSERT INTO patient (id, txid, resource) VALUES ('pt-7', 7, '{"link": [{"other": {"resourceType": "Patient", "id": "pt-1"}, "type": "seealso"}]}');
		UPDATE patient SET txid = txid WHERE id = 'pt-1'; -- which then lies behind pt-7
		INSERT INTO observation (id, txid, ts, resource) VALUES ('ob-0', 1, '2020-01-01Z', '{"status": "final",
			"subject": {"resourceType": "Patient", "id": "pt-1"}, "performer": [{"resourceType": "Patient", "id": "pt-1"}, {"resourceType": "Patient", "id": "nobody"}]}')`)
	f.start(t, options{partBytes: 1, slots: 2})

	everything := map[string][]string{
		"pt-1":   {"Patient/pt-1", "Patient/pt-7", "Group/ward", "Observation/ob-1", "Observation/ob-0"},
		"pt-2":   {"Patient/pt-2", "Group/ward", "Observation/ob-2"},
		"pt-3":   {"Patient/pt-3", "Group/ward", "Observation/ob-3"},
		"pt-4":   {"Patient/pt-4", "Group/annex", "Observation/ob-4"},
		"pt-5":   {"Patient/pt-5", "Observation/ob-5"},
		"pt-6":   {"Patient/pt-6", "Observation/ob-6", "Observation/by-pt-6"},
		"pt-7":   {"Patient/pt-7"},
		"nobody": {"Observation/ob-0"},
	}
	for _, test := range []struct {
		name    string
		request jobs.Request
		want    map[string][]string
		told    []string
	}{
		{"System", jobs.Request{}, everything, []string{
			"Observation: 2 resources are in no patient's compartment, and so in no patient block",
			"Practitioner: resources of this type are in no patient's compartment, and so in no patient block",
		}},
		{"Patient", jobs.Request{Level: jobs.PatientLevel}, everything, nil},
		{
			"SomePatients", jobs.Request{Level: jobs.PatientLevel, Patients: []string{"pt-7", "pt-6", "nobody"}},
			map[string][]string{"nobody": everything["nobody"], "pt-6": everything["pt-6"], "pt-7": everything["pt-7"]}, nil,
		},
		{
			"ManyPatients", jobs.Request{Level: jobs.PatientLevel, Patients: append(strings.Fields(strings.Repeat("x ", 100)), "pt-7", "pt-4")},
			map[string][]string{"pt-4": everything["pt-4"], "pt-7": everything["pt-7"]}, nil,
		},
		{
			"Group", jobs.Request{Level: jobs.GroupLevel, Group: "ward"},
			map[string][]string{"pt-1": everything["pt-1"], "pt-4": everything["pt-4"]}, nil,
		},
		{
			"OneOfTheGroup", jobs.Request{Level: jobs.GroupLevel, Group: "ward", Patients: []string{"pt-4"}},
			map[string][]string{"pt-4": everything["pt-4"]}, nil,
		},
		{
			"WithoutThePatient", jobs.Request{Level: jobs.GroupLevel, Group: "ward", Types: []string{"Observation"}},
			map[string][]string{"pt-1": {"Observation/ob-1", "Observation/ob-0"}, "pt-4": {"Observation/ob-4"}}, nil,
		},
		{
			"Filter", jobs.Request{Level: jobs.PatientLevel, Types: []string{"Patient", "Observation"}, Filters: map[string][]string{
				"Observation": {"status=final&subject=Patient/pt-2", "code=c-5", "_id=of-nobody"}, "Patient": {"_id=pt-2"},
			}},
			map[string][]string{"pt-2": {"Patient/pt-2", "Observation/ob-2"}, "pt-5": {"Observation/ob-5"}}, nil,
		},
		{
			"Until", jobs.Request{ChangedBefore: time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC), Types: []string{"Patient", "Observation"}},
			map[string][]string{"pt-1": {"Observation/ob-0"}, "nobody": {"Observation/ob-0"}}, nil,
		},
		{"Nothing", jobs.Request{ChangedAfter: time.Now().Add(time.Hour), Types: []string{"Patient", "Slot"}}, map[string][]string{}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			id := f.organized(t, test.request)
			require.Equal(t, test.want, f.blockIDs(t, id))
			require.ElementsMatch(t, test.told, f.told(t, id))
		})
	}
	require.Zero(t, f.uploads(t))
}

// Blocks are also written in Aidbox's format, and elements are omitted by type.
func TestBlocksInFormats(t *testing.T) {
	t.Parallel()
	f := newFixture(t, wards)
	f.start(t, options{})
	id := f.accept(t, jobs.Request{OrganizeBy: "Patient", Types: []string{"Observation", "Patient"}, Level: jobs.PatientLevel})
	f.await(t, id, jobs.Completed)
	blocks := f.blocks(t, id)
	require.Len(t, blocks, 6)
	var got []string
	for _, lines := range blocks {
		got = append(got, lines...)
	}
	slices.Sort(got)
	want := append(f.oracle(t, "Patient", "patient"), f.oracle(t, "Observation", "observation WHERE id LIKE 'ob-%' OR id = 'by-pt-6'")...)
	slices.Sort(want)
	require.Equal(t, want, got)

	id = f.organized(t, jobs.Request{Types: []string{"Observation", "Patient"}, Elements: []string{"Patient.active", "Observation.code"}})
	for _, lines := range f.blocks(t, id) {
		require.Contains(t, lines[0], `"active":true`)
		require.Contains(t, lines[0], "SUBSETTED")
		require.NotContains(t, lines[1], `"subject"`)
	}
}

// A block that is larger than a file continues in the next; the others are not divided.
func TestBlocksOverFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t, wards+`INSERT INTO observation (id, txid, resource)
		SELECT 'many-' || n, n, '{"status": "final", "subject": {"resourceType": "Patient", "id": "pt-3"}}' FROM generate_series(1, 30000) AS n`)
	f.start(t, options{maxFileBytes: 1 << 20})
	id := f.organized(t, jobs.Request{Types: []string{"Observation", "Patient"}})
	blocks := f.blocks(t, id)
	require.Len(t, blocks, 6)
	require.Len(t, blocks["pt-3"], 30_002)
	files, err := f.store.Files(t.Context(), id)
	require.NoError(t, err)
	require.Greater(t, len(files.Output), 3)
	f.requireSmall(t, id, 1<<20)
	require.Equal(t, id.String()+"/Patient-organized.0001.ndjson.gz", files.Output[0].ObjectKey)
	require.Equal(t, id.String()+"/Patient-organized.0001-2.ndjson.gz", files.Output[1].ObjectKey)
}

// A Group of too many patients is in none of their blocks. It is reported if one of
// them is selected.
func TestCrowd(t *testing.T) {
	t.Parallel()
	f := newFixture(t, wards+`INSERT INTO "group" (id, txid, resource)
		SELECT 'crowd', 400, jsonb_build_object('member', jsonb_agg(jsonb_build_object('entity', jsonb_build_object('resourceType', 'Patient', 'id', 'pt-' || n)))) FROM generate_series(1, 1001) AS n`)
	f.start(t, options{})
	id := f.organized(t, jobs.Request{Level: jobs.PatientLevel, Types: []string{"Patient", "Group"}})
	require.Equal(t, []string{"Patient/pt-1", "Group/ward"}, f.blockIDs(t, id)["pt-1"])
	told := []string{"Group/crowd is in the compartments of 1001 patients, more than 1000: it is in no patient block"}
	require.Equal(t, told, f.told(t, id))

	id = f.organized(t, jobs.Request{Level: jobs.GroupLevel, Group: "ward", Types: []string{"Patient", "Group"}})
	require.Equal(t, []string{"Patient/pt-1", "Group/ward"}, f.blockIDs(t, id)["pt-1"])
	require.Equal(t, told, f.told(t, id))
	id = f.organized(t, jobs.Request{Level: jobs.PatientLevel, Patients: []string{"other"}, Types: []string{"Patient", "Group"}})
	require.Empty(t, f.told(t, id))
}

// Deletions are exported as in an export by type.
func TestBlocksAndDeletions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, wards+`INSERT INTO observation_history (id, txid, ts, resource) VALUES ('gone', 400, now(), '{}')`)
	f.start(t, options{})
	id := f.organized(t, jobs.Request{ChangedAfter: time.Now().Add(-time.Hour), Types: []string{"Observation", "Patient"}})
	require.Len(t, f.blocks(t, id), 6)
	require.Equal(t, []string{"Observation/gone"}, f.deleted(t, id))
}

// gatePicks is gate for parts only: the plan passes.
func (f *fixture) gatePicks(t *testing.T, name string) (open func()) {
	t.Helper()
	open = f.gate(t, name)
	f.exec(t, `ALTER POLICY gate ON `+name+` USING (current_query() NOT LIKE '%ORDINALITY%' OR gate())`)
	return open
}

// crowdedWards fills the tables so that an export has many parts of many blocks.
const crowdedWards = `
	INSERT INTO patient (id, txid, resource) SELECT 'x-' || n, n, '{}' FROM generate_series(1, 300) AS n;
	INSERT INTO observation (id, txid, resource) SELECT 'x-' || n, n, jsonb_build_object('status', 'final', 'subject',
		jsonb_build_object('resourceType', 'Patient', 'id', 'x-' || n % 300 + 1), 'note', jsonb_build_array(jsonb_build_object('text', repeat(md5(n::text), 20))))
	FROM generate_series(1, 3000) AS n;`

// requireCrowd fails unless each of the 306 patients has its block.
func (f *fixture) requireCrowd(t *testing.T, id uuid.UUID) {
	t.Helper()
	blocks := f.blockIDs(t, id)
	require.Len(t, blocks, 306)
	for n := 1; n <= 300; n++ {
		patient := fmt.Sprintf("x-%d", n)
		require.Len(t, blocks[patient], 11, patient)
		require.Equal(t, "Patient/"+patient, blocks[patient][0])
		want := []string{}
		for o := n - 1; o <= 3000; o += 300 {
			if o > 0 {
				want = append(want, fmt.Sprintf("Observation/x-%d", o))
			}
		}
		require.ElementsMatch(t, want, blocks[patient][1:])
	}
	require.Zero(t, f.uploads(t))
}

// Parts and a holder whose sessions are terminated change nothing: the blocks are
// complete, and show the state at the beginning.
func TestBlocksAfterKills(t *testing.T) {
	t.Parallel()
	f := newFixture(t, wards+crowdedWards)
	open := f.gatePicks(t, "observation")
	f.exec(t, `ALTER POLICY gate ON observation USING (current_query() NOT LIKE '%ORDINALITY%' OR id NOT LIKE 'x-%77' OR gate())`)
	f.start(t, options{partBytes: 50_000, slots: 2})
	id := f.accept(t, jobs.Request{OrganizeBy: "Patient", FHIR: true, Types: []string{"Observation", "Patient"}})
	f.awaitReaders(t, 2)
	last, first := f.count(t, `SELECT max(pid)`+waitsAtGate), f.count(t, `SELECT min(pid)`+waitsAtGate)
	require.Equal(t, 2, f.count(t, terminateReadersSQL))
	f.eventually(t, "others read in their place", func() bool {
		return f.count(t, atGateSQL+` AND pid <> $1 AND pid <> $2`, first, last) == 2
	})
	held := f.snapshot(t, id)
	f.exec(t, `DELETE FROM patient WHERE id = 'x-1'; UPDATE observation SET resource = '{}' WHERE id LIKE 'x-1%'`)
	require.Equal(t, 1, f.count(t, terminateHolderSQL))
	f.eventually(t, "another holder has it", func() bool { return f.snapshot(t, id) != held })
	open()
	export := f.await(t, id, jobs.Completed)
	require.Greater(t, export.PartsTotal, 10)
	require.Equal(t, 1, export.Generation)
	f.requireCrowd(t, id)
}

// A worker that stops in the middle leaves its parts to the next one, and one that is
// stopped while it plans leaves nothing behind.
func TestBlocksByAnotherWorker(t *testing.T) {
	t.Parallel()
	f := newFixture(t, wards+crowdedWards)
	open := f.gate(t, "observation") // at which the plan stands
	former := f.start(t, options{partBytes: 50_000, slots: 2})
	id := f.accept(t, jobs.Request{OrganizeBy: "Patient", FHIR: true, Types: []string{"Observation", "Patient"}})
	f.awaitReaders(t, 1)
	former.stop(t)
	require.Zero(t, f.uploads(t))
	f.awaitNoSessions(t)
	f.exec(t, `ALTER POLICY gate ON observation USING (current_query() NOT LIKE '%ORDINALITY%' OR gate())`)

	former = f.start(t, options{partBytes: 50_000, slots: 2})
	f.awaitReaders(t, 2)
	former.stop(t)
	open()
	f.start(t, options{partBytes: 50_000, slots: 2})
	f.await(t, id, jobs.Completed)
	f.requireCrowd(t, id)
}

// A cancelled export leaves nothing behind, whether it is being planned or read.
func TestBlocksCancelled(t *testing.T) {
	t.Parallel()
	for name, using := range map[string]string{"Planned": `gate()`, "Read": `current_query() NOT LIKE '%ORDINALITY%' OR gate()`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, wards+crowdedWards)
			f.gate(t, "observation")
			f.exec(t, `ALTER POLICY gate ON observation USING (`+using+`)`)
			warnings := &logBuffer{}
			f.start(t, options{partBytes: 50_000, slots: 2, logger: slog.New(slog.NewJSONHandler(warnings, &slog.HandlerOptions{Level: slog.LevelWarn}))})
			id := f.accept(t, jobs.Request{OrganizeBy: "Patient", FHIR: true, Types: []string{"Observation", "Patient"}})
			f.awaitReaders(t, 1)
			require.NoError(t, f.store.Cancel(t.Context(), id, client))
			f.await(t, id, jobs.Cancelled)
			f.requireNothing(t, id)
			require.Empty(t, warnings.String())
		})
	}
}

// A plan does not block a session that waits for an exclusive lock on a table.
func TestPlanOfBlocksGivesWay(t *testing.T) {
	t.Parallel()
	f := newFixture(t, wards+crowdedWards)
	open := f.gate(t, "observation")
	f.start(t, options{giveWay: time.Millisecond})
	id := f.accept(t, jobs.Request{OrganizeBy: "Patient", FHIR: true, Types: []string{"Observation", "Patient"}})
	f.awaitReaders(t, 1)
	altered := make(chan error, 1)
	go func() {
		_, err := f.db.Exec(t.Context(), `ALTER TABLE observation ADD COLUMN more text`)
		altered <- err
	}()
	require.NoError(t, receive(t, altered))
	open()
	f.await(t, id, jobs.Completed)
	require.Greater(t, f.count(t, `SELECT attempt FROM sluice.export WHERE id = $1`, id), 1, "it was planned again")
	require.Equal(t, 1, f.count(t, `SELECT attempt FROM sluice.river_job WHERE kind = 'sluice_export'`), "it did not wait until the lock was refused")
	f.requireCrowd(t, id)
}
