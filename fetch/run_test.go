package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/exportlog"
	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/transfer"
)

// recorder is a Reporter that logs events and calls a function, which may be nil.
type recorder struct {
	t testing.TB

	mu sync.Mutex
	on func(Event)
}

func (r *recorder) Report(e Event) {
	r.t.Log(e.Name, e.Text)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.on != nil {
		r.on(e)
	}
}

func (r *recorder) Total(int64, int64) {}

func (r *recorder) Begin(FileInfo) FileReporter { return ignored{} }

type ignored struct{}

func (ignored) Total(int64)      {}
func (ignored) Add(int)          {}
func (ignored) Reset(int64)      {}
func (ignored) End(int64, error) {}

// options returns the options of a run against a server into a directory.
func options(t *testing.T, server *fetchtest.Server, dir string) Options {
	t.Helper()
	out, err := output.Directory(dir)
	require.NoError(t, err)
	return Options{
		BaseURL: server.BaseURL, Request: remote.Request{Level: remote.System}, Output: out,
		Connection: remote.Connection{CAFile: server.CAFile, ConnectTimeout: time.Minute, ResponseTimeout: time.Minute},
		Deleted:    DeletedKeep, FailOn: FailOnError, Parallel: 4,
		Transfer: transfer.Options{Verify: transfer.Full, StallTimeout: time.Minute},
		PollMax:  time.Second, KickOffWait: time.Minute, RetryFor: time.Minute,
		Reporter: &recorder{t: t},
	}
}

// tree returns the files of a directory and its subdirectories, unpacked.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		if strings.HasSuffix(path, ".gz") {
			r, err := gzip.NewReader(bytes.NewReader(content))
			require.NoError(t, err, path)
			content, err = io.ReadAll(r)
			require.NoError(t, err, path)
		}
		name, err := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(content)
		return err
	}))
	return files
}

// names returns the names of files.
func names(files map[string]string) (all []string) {
	for name := range files {
		all = append(all, name)
	}
	return all
}

// kindOfError returns the kind of an error of Run.
func kindOfError(t *testing.T, err error) Kind {
	t.Helper()
	var known *Error
	require.ErrorAs(t, err, &known)
	return known.Kind
}

func TestRun(t *testing.T) {
	t.Parallel()
	files := append(fetchtest.Files("Patient", 2, 100), fetchtest.Files("Observation", 3, 50)...)
	files = append(files, fetchtest.Issues("OperationOutcome.1.ndjson", "warning", "slow", "slow", "odd"))
	server := fetchtest.New(t, fetchtest.Options{Files: files, Polls: 1})
	dir := t.TempDir()
	o := options(t, server, dir)
	result, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, int64(6), result.Files)
	require.Equal(t, []IssueCount{{"warning", "slow", 2}, {"warning", "odd", 1}}, result.Issues)
	require.Zero(t, server.Exports(), "the export is deleted")

	got := tree(t, dir)
	require.ElementsMatch(t, []string{
		"Patient.0001.ndjson.gz", "Patient.0002.ndjson.gz", "Observation.0001.ndjson.gz", "Observation.0002.ndjson.gz",
		"Observation.0003.ndjson.gz", "error/OperationOutcome.0001.ndjson.gz", "manifest.json", "log.ndjson",
	}, names(got))
	require.Equal(t, string(files[0].NDJSON()), got["Patient.0001.ndjson.gz"])
	require.Equal(t, string(files[4].NDJSON()), got["Observation.0003.ndjson.gz"])

	var manifest struct {
		TransactionTime string
		Output          []struct {
			Type, URL string
			Count     int
			FileSize  int64
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got["manifest.json"]), &manifest))
	require.Equal(t, result.TransactionTime, manifest.TransactionTime)
	require.Len(t, manifest.Output, 5)
	require.Equal(t, "Patient.0001.ndjson.gz", manifest.Output[0].URL)
	require.Equal(t, 100, manifest.Output[0].Count)
	info, err := os.Stat(filepath.Join(dir, "Patient.0001.ndjson.gz"))
	require.NoError(t, err)
	require.Equal(t, info.Size(), manifest.Output[0].FileSize)

	_, err = Run(t.Context(), o)
	require.Equal(t, Local, kindOfError(t, err))
	require.ErrorContains(t, err, "has a complete export already")

	verified, err := Verify(t.Context(), o.Output, o.Reporter)
	require.NoError(t, err)
	require.Equal(t, result.Files, verified.Files)
	require.Equal(t, result.Resources, verified.Resources)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Patient.0001.ndjson.gz"), []byte("{}\n"), 0o600))
	require.NoError(t, os.Remove(filepath.Join(dir, "Observation.0002.ndjson.gz")))
	_, err = Verify(t.Context(), o.Output, o.Reporter)
	require.Equal(t, Unverified, kindOfError(t, err))
	require.ErrorContains(t, err, "2 of 6 files")
}

// A run that is interrupted anywhere continues with the same export and ends as an
// undisturbed one.
func TestInterruptedRun(t *testing.T) {
	t.Parallel()
	files := append(fetchtest.Files("Patient", 4, 200), fetchtest.Deletions("Bundle.1.ndjson", "Patient/1", "Patient/2"))
	for _, event := range []string{EventKickOff, EventProgress, EventPage, EventManifest, EventDownloadRequest, EventDownloadComplete, EventExportComplete} {
		t.Run(event, func(t *testing.T) {
			t.Parallel()
			server := fetchtest.New(t, fetchtest.Options{Files: files, Polls: 1})
			dir := t.TempDir()
			o := options(t, server, dir)
			o.Deleted = DeletedList
			ctx, cancel := context.WithCancel(t.Context())
			seen := 0
			o.Reporter = &recorder{t: t, on: func(e Event) {
				if e.Name == event {
					if seen++; seen == 1 {
						cancel()
					}
				}
			}}
			_, err := Run(ctx, o)
			if event != EventExportComplete { // which is too late
				require.ErrorIs(t, err, context.Canceled)
				require.FileExists(t, filepath.Join(dir, stateName))
				other := o
				other.Request.Types = []string{"Observation"}
				_, err = Run(t.Context(), other)
				require.Equal(t, Local, kindOfError(t, err))
				require.ErrorContains(t, err, "unfinished run with another request")
				o.Reporter = &recorder{t: t}
				_, err = Run(t.Context(), o)
			}
			require.NoError(t, err)

			got := tree(t, dir)
			require.ElementsMatch(t, []string{"Patient.0001.ndjson.gz", "Patient.0002.ndjson.gz", "Patient.0003.ndjson.gz",
				"Patient.0004.ndjson.gz", "deleted/Bundle.0001.ndjson.gz", "deleted.txt", "manifest.json", "log.ndjson"}, names(got))
			for i, name := range []string{"Patient.0001.ndjson.gz", "Patient.0002.ndjson.gz", "Patient.0003.ndjson.gz", "Patient.0004.ndjson.gz"} {
				require.Equal(t, string(files[i].NDJSON()), got[name])
			}
			require.Equal(t, "Patient/1\nPatient/2\n", got["deleted.txt"])
			require.Len(t, server.Requests(fetchtest.KickOff), 1)
			require.Zero(t, server.Exports())

			ids, kickOffs := map[string]bool{}, 0
			for line := range strings.Lines(got["log.ndjson"]) {
				var entry exportlog.Entry
				require.NoError(t, json.Unmarshal([]byte(line), &entry))
				ids[entry.ExportID] = true
				if entry.Event == EventKickOff {
					kickOffs++
				}
			}
			require.Len(t, ids, 1)
			require.Contains(t, got["log.ndjson"], `"softwareVersion":"1.2.3"`)
			require.Equal(t, 1, kickOffs)
		})
	}
}
