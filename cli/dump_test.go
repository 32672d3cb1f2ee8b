package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/dump"
	store "github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// A dump refuses what it could not complete before it connects to the database.
func TestDumpRefused(t *testing.T) {
	t.Parallel()
	const url = "--source-url=postgres://localhost:1/x"
	for _, test := range []struct {
		want string
		args []string
	}{
		{"no database", []string{"Patient", "--source-url="}},
		{"no resource types: name some, such as Patient Observation, or set --all", []string{url}},
		{"--all dumps all resource types: name no others", []string{url, "--all", "Patient"}},
		{"--jobs must be between 1 and 64, got 0", []string{url, "--all", "-j0"}},
		{"-o names a folder: redirect standard output to write a single file, as in sluice dump Patient > x.ndjson", []string{url, "Patient", "-o", "d/x.ndjson"}},
		{"-o must be a folder or - for standard output, got an empty text", []string{url, "Patient", "-o", ""}},
		{"-o must be a folder or - for standard output, got s3://bucket/x", []string{url, "Patient", "-o", "s3://bucket/x"}},
		{"--since: must be a time such as 2026-01-31", []string{url, "Patient", "--since=yesterday"}},
		{"--since: must not be in the future, got 2999-01-01T00:00:00Z", []string{url, "Patient", "--since=2999"}},
		{`--where: a filter is a search such as Observation?status=final, got "Patient"`, []string{url, "Patient", "--where=Patient"}},
		{"--where: Observation is not among the resource types to dump", []string{url, "Patient", "--where=Patient?gender=male,Observation?code=x"}},
		{"--where: Patient: foo: unknown search parameter of Patient", []string{url, "patient", "--where=Patient?foo=1"}},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, ExitUsage, Run(t.Context(), append([]string{"dump"}, test.args...), &stdout, &stderr), test.want)
		require.Contains(t, stderr.String(), test.want)
		require.Empty(t, stdout.String())
	}
}

// newPatients returns the URL of a database with patients.
func newPatients(t *testing.T) string {
	t.Helper()
	url := sourcetest.Database(t)
	sourcetest.Execute(t, url, `CREATE TABLE patient (id text PRIMARY KEY, txid bigint, ts timestamptz, cts timestamptz, resource jsonb NOT NULL);
		INSERT INTO patient SELECT 'pt-' || n, n, '2026-01-01Z', '2026-01-01Z', '{"gender": "male"}' FROM generate_series(1, 3) AS n`)
	return url
}

func TestDumpToStandardOutput(t *testing.T) {
	t.Parallel()
	url := newPatients(t)
	var stdout, stderr bytes.Buffer
	require.Equal(t, ExitOK, Run(t.Context(), []string{"dump", "patient", "--where=patient?_id=pt-2", "--source-url=" + url}, &stdout, &stderr), stderr.String())
	require.JSONEq(t, `{"id": "pt-2", "gender": "male", "resourceType": "Patient",
		"meta": {"versionId": 2, "createdAt": "2026-01-01T00:00:00.000000Z", "lastUpdated": "2026-01-01T00:00:00.000000Z"}}`, stdout.String())
	require.Empty(t, stderr.String())

	stdout.Reset()
	require.Equal(t, ExitFailed, Run(t.Context(), []string{"dump", "Patient", "Account", "Patients", "--source-url=" + url}, &stdout, &stderr))
	require.Equal(t, "sluice: no table of this resource type: Account, Patients\n", stderr.String())
	require.Empty(t, stdout.String())
}

// A dump to a folder has a manifest that sluice fetch verify accepts. It refuses a folder
// with files.
func TestDumpToFolder(t *testing.T) {
	t.Parallel()
	url := newPatients(t)
	folder := filepath.Join(t.TempDir(), "new", "data")
	args := []string{"dump", "--all", "-o", folder, "--gzip", "--fhir", "--where=Patient?gender=male", "--source-url=" + url}
	var stdout, stderr bytes.Buffer
	require.Equal(t, ExitOK, Run(t.Context(), args, &stdout, &stderr), stderr.String())
	require.Equal(t, "         3 Patient\n         3 resources\n", stderr.String())
	require.Empty(t, stdout.String())
	manifest, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
	require.NoError(t, err)
	require.Contains(t, string(manifest), `"request":"sluice dump --all --fhir --where 'Patient?gender=male'"`)
	require.NotContains(t, string(manifest), "postgres")

	stderr.Reset()
	require.Equal(t, ExitOK, Run(t.Context(), []string{"dump", "--all", "-o", folder + "2", "--log-format=json", "--source-url=" + url}, &stdout, &stderr), stderr.String())
	require.Contains(t, stderr.String(), `"level":"INFO","msg":"dump complete","resources":3,"types":{"Patient":3}}`)
	require.Equal(t, 1, strings.Count(stderr.String(), "\n"))

	stderr.Reset()
	require.Equal(t, ExitOK, Run(t.Context(), []string{"fetch", "verify", folder}, &stdout, &stderr), stderr.String())
	require.NoError(t, os.WriteFile(filepath.Join(folder, "Patient.0001.ndjson.gz"), []byte("x"), 0o600))
	require.NotEqual(t, ExitOK, Run(t.Context(), []string{"fetch", "verify", folder}, &stdout, &stderr))

	stderr.Reset()
	require.Equal(t, ExitFailed, Run(t.Context(), args, &stdout, &stderr))
	require.Equal(t, "sluice: the folder "+folder+" is not empty: name another one, or remove its files\n", stderr.String())
}

// lockingOutput is an output whose lock is taken by lock.
type lockingOutput struct {
	store.Output
	lock func() error
}

func (o lockingOutput) Lock(ctx context.Context, _ func(string)) (context.Context, func(), error) {
	return ctx, func() {}, o.lock()
}

// A dump that gets the lock of a folder when another one has just finished there keeps its
// files. A folder that was created for a dump does not stay if its lock fails.
func TestDumpLocked(t *testing.T) {
	t.Parallel()
	folder, err := openDumpFolder(filepath.Join(t.TempDir(), "data"))
	require.NoError(t, err)
	folder.Output = lockingOutput{folder.Output, func() error {
		return os.WriteFile(filepath.Join(folder.path, "manifest.json"), []byte("{}"), 0o600)
	}}
	_, err = folder.dump(t.Context(), nil, dump.Options{})
	require.EqualError(t, err, "the folder "+folder.path+" is not empty: name another one, or remove its files")
	require.FileExists(t, filepath.Join(folder.path, "manifest.json"))

	old := t.TempDir()
	for _, path := range []string{filepath.Join(old, "new"), old} {
		folder, err := openDumpFolder(path)
		require.NoError(t, err)
		folder.Output = lockingOutput{folder.Output, func() error { return store.ErrLocked }}
		_, err = folder.dump(t.Context(), nil, dump.Options{})
		require.ErrorIs(t, err, store.ErrLocked)
	}
	require.DirExists(t, old)
	require.NoDirExists(t, filepath.Join(old, "new"))
}

// The request of the manifest is a command that a shell splits into the arguments.
func TestDumpRequest(t *testing.T) {
	t.Parallel()
	cmd := &dumpCommand{Types: []string{"Patient", "Group"}, Where: []string{`Patient?name=O'Neil $x "y" \z`, "Group?_id='"}}
	printed, err := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(cmd.request(), "sluice", `printf '%s\n'`, 1)).CombinedOutput()
	require.NoError(t, err, string(printed))
	require.Equal(t, "dump\nPatient\nGroup\n--where\n"+cmd.Where[0]+"\n--where\n"+cmd.Where[1]+"\n", string(printed))
}

// interrupting is a standard error that ends the command.
type interrupting struct{ cancel context.CancelFunc }

func (w interrupting) Write(p []byte) (int, error) {
	w.cancel()
	return len(p), nil
}

// An interrupted dump leaves the folder as it was.
func TestDumpInterrupted(t *testing.T) {
	t.Parallel()
	url := newPatients(t)
	sourcetest.Execute(t, url, `CREATE TABLE basic (id text, txid bigint, ts timestamptz, resource_type text, resource jsonb); INSERT INTO basic VALUES ('b', 1, now(), 'Task', '{}')`)
	parent := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	code := Run(ctx, []string{"dump", "Patient", "Basic", "-o", filepath.Join(parent, "data"), "--source-url=" + url}, io.Discard, interrupting{cancel}) // by the warning of Task
	require.Equal(t, ExitInterrupted, code)
	entries, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// closedPipe is a standard output whose reader has gone.
type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Err: syscall.EPIPE}
}

func TestReaderOfStandardOutputGone(t *testing.T) {
	t.Parallel()
	_, err := pipeWriter(closedPipe{}).Write(nil)
	require.ErrorIs(t, err, errReaderGone)
	require.NotErrorIs(t, err, syscall.EPIPE)

	url := newPatients(t)
	var stderr bytes.Buffer
	require.Equal(t, ExitBrokenPipe, Run(t.Context(), []string{"dump", "Patient", "--source-url=" + url}, closedPipe{}, &stderr))
	require.Empty(t, stderr.String())
}
