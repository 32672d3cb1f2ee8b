package dump_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/dump"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/source/form"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// Files have the lines that PostgreSQL prints, in the order of the table's pages, and the
// manifest describes them.
func TestFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	sourcetest.CreateCast(t, f.url)
	want := map[string][]string{}
	for _, resourceType := range types {
		want[resourceType] = f.lines(t, resourceType, "")
	}
	for _, mode := range []form.Mode{form.Text, form.Stored} {
		from := f.open(t, mode)
		for _, jobs := range []int{1, 3} {
			for _, gzip := range []bool{false, true} {
				t.Run(describe(mode, jobs, gzip), func(t *testing.T) {
					path, out := folder(t)
					options := small(jobs)
					options.Gzip = gzip
					progress := &recorder{}
					options.Progress = progress
					result, err := dump.ToFiles(t.Context(), from, out, options)
					require.NoError(t, err)
					require.Equal(t, []dump.TypeCount{{"Observation", 3000}, {"Patient", 4000}, {"Encounter", 0}, {"Device", 85}}, result.Types)
					require.EqualValues(t, 7085, result.Resources())
					require.Equal(t, progress.total, progress.bytes)
					require.EqualValues(t, 7085, progress.rows)
					require.Equal(t, progress.parts, progress.ended)

					found := names(t, path)
					require.Empty(t, filesOf(found, "Encounter"))
					require.Len(t, filesOf(found, "Device"), 1)
					for _, resourceType := range types {
						var lines []string
						for _, name := range filesOf(found, resourceType) {
							lines = append(lines, read(t, path, name)...)
						}
						require.True(t, slices.Equal(want[resourceType], lines), resourceType)
					}
					if jobs == 1 {
						require.Len(t, filesOf(found, "Patient"), 1)
					} else {
						require.Greater(t, len(filesOf(found, "Patient")), 2)
					}
					require.Equal(t, result.Bytes, requireManifest(t, path, found))
				})
			}
		}
	}
}

// requireManifest compares the manifest with the files, and returns their size.
func requireManifest(t *testing.T, path string, found []string) (total int64) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path, "manifest.json"))
	require.NoError(t, err)
	var manifest struct {
		TransactionTime, Request string
		Output                   []struct {
			Type, URL       string
			Count, FileSize int64
			Extension       struct{ SHA256 string }
		}
		Error []any
	}
	require.NoError(t, json.Unmarshal(text, &manifest))
	require.Regexp(t, `^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`, manifest.TransactionTime)
	require.Equal(t, "sluice dump Patient", manifest.Request)
	require.Len(t, manifest.Output, len(found)-1)
	for _, entry := range manifest.Output {
		require.Contains(t, filesOf(found, entry.Type), entry.URL)
		content, err := os.ReadFile(filepath.Join(path, entry.URL))
		require.NoError(t, err)
		sum := sha256.Sum256(content)
		require.Equal(t, hex.EncodeToString(sum[:]), entry.Extension.SHA256)
		require.EqualValues(t, len(content), entry.FileSize)
		require.Len(t, read(t, path, entry.URL), int(entry.Count))
		total += entry.FileSize
	}
	return total
}

// All files show the state at the beginning.
func TestOneSnapshot(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	patients, observations := f.lines(t, "Patient", ""), f.lines(t, "Observation", "")
	options := small(3)
	options.Types = []string{"Patient", "Observation"}
	options.Progress = &recorder{onTotal: func() {
		f.exec(t, `DELETE FROM patient WHERE txid % 2 = 0; UPDATE observation SET resource = '{}'; INSERT INTO patient SELECT 'new' || id, txid, ts, cts, resource_type, status, resource FROM patient`)
	}}
	path, out := folder(t)
	_, err := dump.ToFiles(t.Context(), f.open(t, form.Auto), out, options)
	require.NoError(t, err)
	var lines []string
	for _, name := range names(t, path)[:len(names(t, path))-1] {
		lines = append(lines, read(t, path, name)...)
	}
	requireSame(t, append(patients, observations...), lines)
}

// full is a disk that becomes full.
type full struct {
	output.Output
	room int
}

type fullFile struct {
	output.File
	disk *full
}

var errFull = errors.New("no space left on device")

func (o *full) Create(ctx context.Context, name string) (output.File, error) {
	f, err := o.Output.Create(ctx, name)
	return &fullFile{f, o}, err
}

func (f *fullFile) Publish(ctx context.Context) error {
	if f.disk.room--; f.disk.room < 0 {
		return errFull
	}
	return f.File.Publish(ctx)
}

// A dump that fails leaves no files.
func TestFailureLeavesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	from := f.open(t, form.Auto)
	for _, room := range []int{0, 1, 2} {
		path, out := folder(t)
		_, err := dump.ToFiles(t.Context(), from, &full{out, room}, small(1))
		require.ErrorIs(t, err, errFull)
		require.Empty(t, names(t, path))
	}
}

// lastStep is an output that calls then after it has written the manifest. It records what is
// removed.
type lastStep struct {
	output.Output
	then    func() error
	removed []string
}

func (o *lastStep) WriteDocument(ctx context.Context, name string, content []byte) error {
	return cmp.Or(o.Output.WriteDocument(ctx, name, content), o.then())
}

func (o *lastStep) RemoveDocument(ctx context.Context, name string) error {
	o.removed = append(o.removed, name)
	return o.Output.RemoveDocument(ctx, name)
}

// A dump that fails after its manifest is in place leaves no files. The manifest is removed
// first.
func TestFailureAfterManifest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	path, out := folder(t)
	last := &lastStep{Output: out, then: func() error { return errFull }}
	_, err := dump.ToFiles(t.Context(), f.open(t, form.Auto), last, small(2))
	require.ErrorIs(t, err, errFull)
	require.Empty(t, names(t, path))
	require.Equal(t, "manifest.json", last.removed[0])
}

// A dump whose manifest is written succeeds, even if it is interrupted or loses its snapshot
// at that moment.
func TestEndAfterManifest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, end := range []func(){
		func() {
			f.exec(t, `SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		},
		cancel,
	} {
		path, out := folder(t)
		last := &lastStep{Output: out, then: func() error { end(); return nil }}
		result, err := dump.ToFiles(ctx, f.open(t, form.Auto), last, small(2))
		require.NoError(t, err)
		require.EqualValues(t, 7085, result.Resources())
		require.Equal(t, result.Bytes, requireManifest(t, path, names(t, path)))
	}
}

// A dump that is interrupted leaves no files.
func TestInterruptionLeavesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	from := f.open(t, form.Auto)
	for _, jobs := range []int{1, 3} {
		ctx, cancel := context.WithCancel(t.Context())
		begun := 0
		options := small(jobs)
		options.Progress = &recorder{onBegin: func() {
			if begun++; begun == 2 {
				cancel()
			}
		}}
		if jobs > 1 {
			options.Progress = &recorder{onBegin: cancel}
		}
		path, out := folder(t)
		_, err := dump.ToFiles(ctx, from, out, options)
		require.ErrorIs(t, err, context.Canceled)
		require.Empty(t, names(t, path))
	}
}

// The loss of the database's session ends the dump.
func TestSessionLost(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	options := small(2)
	options.Progress = &recorder{onTotal: func() {
		f.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	}}
	path, out := folder(t)
	_, err := dump.ToFiles(t.Context(), f.open(t, form.Auto), out, options)
	require.Error(t, err)
	require.NotErrorIs(t, err, context.Canceled)
	require.Empty(t, names(t, path))
}

// An error after the first rows ends the dump, whatever is read.
func TestErrorOfARow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.exec(t, `CREATE VIEW basic AS SELECT id, txid, ts, cts, jsonb_build_object('n', 1 / (txid - 3998)) AS resource FROM patient`)
	from := f.open(t, form.Auto)
	options := small(1)
	options.Types = []string{"Basic"}
	path, out := folder(t)
	_, err := dump.ToFiles(t.Context(), from, out, options)
	require.ErrorContains(t, err, "dump Basic: ")
	require.ErrorContains(t, err, "division by zero")
	require.Empty(t, names(t, path))

	var stream bytes.Buffer
	_, err = dump.ToStream(t.Context(), from, &stream, options)
	require.ErrorContains(t, err, "division by zero")
	require.NotEmpty(t, stream.String())
}
