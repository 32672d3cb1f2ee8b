package search_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/load"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// document is a FHIR resource decoded by encoding/json.
type document = map[string]any

// store is a database with documents, and the original documents.
type store struct {
	source    *source.Source
	documents map[string][]document // by type
	tables    map[string]catalog.Table
}

// newStore loads files of FHIR resources into a database.
func newStore(t testing.TB, files ...string) store {
	t.Helper()

	url := sourcetest.Database(t)
	_, err := load.Files(t.Context(), url, files, load.Options{Format: load.FHIR, KeepTimes: true})
	require.NoError(t, err)
	s, err := source.Open(t.Context(), source.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(s.Close)

	documents := make(map[string][]document)
	for _, file := range files {
		for _, d := range readDocuments(t, file) {
			resourceType, _ := d["resourceType"].(string)
			documents[resourceType] = append(documents[resourceType], d)
		}
	}
	tables := make(map[string]catalog.Table)
	for resourceType := range documents {
		tables[resourceType], err = s.Table(t.Context(), resourceType)
		require.NoError(t, err)
	}
	return store{s, documents, tables}
}

// newStoreOf loads documents given as JSON.
func newStoreOf(t testing.TB, lines ...string) store {
	t.Helper()

	var content bytes.Buffer
	for _, line := range lines {
		require.NoError(t, json.Compact(&content, []byte(line)))
		content.WriteByte('\n')
	}
	name := filepath.Join(t.TempDir(), "documents.ndjson")
	require.NoError(t, os.WriteFile(name, content.Bytes(), 0o600))
	return newStore(t, name)
}

// readDocuments reads ndjson.
func readDocuments(t testing.TB, name string) []document {
	t.Helper()

	var all []document
	for line := range bytes.Lines(readFile(t, name)) {
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		var d document
		require.NoError(t, decoder.Decode(&d))
		all = append(all, d)
	}
	return all
}

// readFile reads a file, decompressed if its name ends in .gz.
func readFile(t testing.TB, name string) []byte {
	t.Helper()

	content, err := os.ReadFile(name)
	require.NoError(t, err)
	if strings.HasSuffix(name, ".gz") {
		zr, err := gzip.NewReader(bytes.NewReader(content))
		require.NoError(t, err)
		content, err = io.ReadAll(zr)
		require.NoError(t, err)
	}
	return content
}

// published returns the files in a folder of public FHIR data: SLUICE_TEST_DATA, or a
// folder next to the repository. Without it the test is skipped.
func published(t testing.TB, folder string) []string {
	t.Helper()

	dir := filepath.Join(cmp.Or(os.Getenv("SLUICE_TEST_DATA"), filepath.Join("..", "..", "shared", "data")), folder)
	files, err := filepath.Glob(filepath.Join(dir, "*.ndjson.gz"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("no public FHIR data: set SLUICE_TEST_DATA to its folder")
	}
	for i, file := range files {
		files[i] = sampled(t, file)
	}
	return files
}

// Maximum sizes of a resource and of a file that is searched hundreds of times.
const (
	longLine  = 100_000
	manyLines = 1000
)

// sampled copies the short lines of a file: all, or a sample spread over it.
func sampled(t testing.TB, name string) string {
	t.Helper()

	content := readFile(t, name)
	step := bytes.Count(content, []byte("\n"))/manyLines + 1
	var short bytes.Buffer
	number := 0
	for line := range bytes.Lines(content) {
		if number++; number%step == 0 && len(line) < longLine {
			short.Write(line)
		}
	}
	name = filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(name), ".gz"))
	require.NoError(t, os.WriteFile(name, short.Bytes(), 0o600))
	return name
}

// ids returns the sorted ids of the rows of a type that meet a condition, read in each
// way in which an export reads them.
func (s store) ids(t testing.TB, resourceType string, condition sqltext.Condition) []string {
	t.Helper()

	table := s.tables[resourceType]
	scan := source.Scan{Table: table, Condition: condition}
	ids := s.scan(t, scan)
	if !scan.Condition.Lookup.IsEmpty() {
		scan.Pages = catalog.PageRange{Schema: table.Schema, Name: table.Name, ByLookup: true}
		require.Equal(t, ids, s.scan(t, scan), "by the lookup")
	}
	return ids
}

func (s store) scan(t testing.TB, scan source.Scan) []string {
	t.Helper()

	ids := []string{}
	rows, err := s.source.Scan(t.Context(), scan)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		ids = append(ids, string(rows.Row().ID))
	}
	require.NoError(t, rows.Err(), scan.Condition)
	slices.Sort(ids)
	return ids
}

// lookup returns the sorted result of a query.
func (s store) lookup(t testing.TB, query sqltext.Fragment) []string {
	t.Helper()

	ids, err := s.source.Lookup(t.Context(), query)
	require.NoError(t, err)
	slices.Sort(ids)
	return ids
}

// search parses a query and returns the ids found.
func (s store) search(t testing.TB, resourceType, query string) []string {
	t.Helper()

	filter, err := search.Parse(resourceType, query)
	require.NoError(t, err, "%s?%s", resourceType, query)
	table := s.tables[resourceType]
	scan := source.Scan{Table: table, Condition: filter.Condition()}
	ids := s.scan(t, scan)
	if !scan.Condition.Lookup.IsEmpty() {
		scan.Pages = catalog.PageRange{Schema: table.Schema, Name: table.Name, ByLookup: true}
		require.Equal(t, ids, s.scan(t, scan), query)
	}
	return ids
}

// matching returns the sorted ids of the documents of a type for which ok returns true.
func (s store) matching(resourceType string, ok func(document) bool) []string {
	ids := []string{}
	for _, d := range s.documents[resourceType] {
		if ok(d) {
			ids = append(ids, d["id"].(string))
		}
	}
	slices.Sort(ids)
	return ids
}
