package load_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/load"
)

const (
	alice = `{"resourceType":"Patient","id":"pt-1","name":[{"given":["Alice"]}]}`
	bob   = `{"resourceType":"Patient","id":"pt-2","name":[{"given":["Bob"]}]}`
	group = `{"resourceType":"Group","id":"g-1","actual":true}`
)

const patientIDs = `SELECT id FROM patient ORDER BY id`

func TestInputs(t *testing.T) {
	t.Parallel()

	two := []string{"pt-1", "pt-2"}
	for name, content := range map[string]string{
		"Plain":          alice + "\n" + bob + "\n",
		"NoLastLineEnd":  alice + "\n" + bob,
		"CRLF":           alice + "\r\n" + bob + "\r\n",
		"BlankLines":     "\n\n" + alice + "\n  \t\n\r\n" + bob + "\n\n",
		"ByteOrderMark":  "\ufeff" + alice + "\n" + bob + "\n",
		"SpaceInside":    " " + strings.ReplaceAll(alice, ":", " : ") + " \n" + bob,
		"Gzip":           gzipped(t, alice+"\n"+bob+"\n"),
		"GzipMembers":    gzipped(t, alice+"\n"+bob[:20]) + gzipped(t, bob[20:]+"\n"),
		"GzipWithMark":   gzipped(t, "\ufeff"+alice+"\n"+bob),
		"GzipEmptyFirst": gzipped(t, "") + gzipped(t, alice+"\n"+bob),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := newDatabase(t)

			// The name says nothing: gzip is known by its first bytes.
			summary := db.load(t, load.Options{}, writeFile(t, "patients", content))

			require.Equal(t, two, db.rows(t, patientIDs))
			require.Equal(t, load.Summary{
				Files: 1, Resources: 2, Types: []load.TypeCount{{Type: "Patient", Resources: 2}},
			}, summary)
		})
	}
}

func TestEmptyFile(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	for _, content := range []string{"", "\n", gzipped(t, "")} {
		summary := db.load(t, load.Options{}, writeFile(t, "empty.ndjson", content))
		require.Equal(t, load.Summary{Files: 1}, summary)
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	folder := t.TempDir()
	for name, content := range map[string]string{
		"a.ndjson":          alice,
		"b.ndjson.gz":       gzipped(t, bob),
		"notes.txt":         "no resource",
		"inner/deep.ndjson": "no resource either",
	} {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}

	summary := db.load(t, load.Options{}, folder)
	require.Equal(t, 2, summary.Files)
	require.Equal(t, []string{"pt-1", "pt-2"}, db.rows(t, patientIDs))
}

func TestStandardInput(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	var last load.Progress
	summary := db.load(t, load.Options{
		Stdin:    strings.NewReader(gzipped(t, alice+"\n"+bob+"\n")),
		Progress: func(p load.Progress) { last = p },
	}, "-")

	require.EqualValues(t, 2, summary.Resources)
	require.Equal(t, []string{"pt-1", "pt-2"}, db.rows(t, patientIDs))
	require.EqualValues(t, -1, last.Total)
}

func TestMixedFile(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	summary := db.load(t, load.Options{}, writeLines(t, "mixed.ndjson", alice, group, bob))

	require.Equal(t, []load.TypeCount{{Type: "Group", Resources: 1}, {Type: "Patient", Resources: 2}}, summary.Types)
	require.Equal(t, []string{"pt-1", "pt-2"}, db.rows(t, patientIDs))
	require.Equal(t, []string{"g-1"}, db.rows(t, `SELECT id FROM "group"`))
}

func TestProgressCountsCompressedBytes(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	first := writeFile(t, "a.ndjson.gz", gzipped(t, strings.Repeat(" \n", 1<<20)+alice))
	second := writeLines(t, "b.ndjson", bob)
	var seen []load.Progress
	db.load(t, load.Options{Progress: func(p load.Progress) { seen = append(seen, p) }}, first, second)

	var total, size int64
	for _, path := range []string{first, second} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		size = info.Size()
		total += size
	}
	require.Equal(t, load.Progress{
		Bytes: total, Total: total, Resources: 2,
		Files: 1, TotalFiles: 2, File: second, FileBytes: size, FileSize: size,
	}, seen[len(seen)-1])
	for i := 1; i < len(seen); i++ {
		require.GreaterOrEqual(t, seen[i].Bytes, seen[i-1].Bytes)
	}
}

func TestPathsThatAreNotThere(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	missing := filepath.Join(t.TempDir(), "missing.ndjson")
	_, err := load.Files(t.Context(), db.url, []string{writeLines(t, "a.ndjson", alice), missing}, load.Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, missing)

	_, err = load.Files(t.Context(), db.url, []string{t.TempDir()}, load.Options{})
	require.ErrorContains(t, err, "has no *.ndjson")

	_, err = load.Files(t.Context(), db.url, nil, load.Options{})
	require.Error(t, err)

	require.Equal(t, "true", db.text(t, `SELECT (to_regclass('patient') IS NULL)::text`), "nothing is loaded before all paths are found")
}
