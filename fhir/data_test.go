package fhir_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
)

// dataDir returns the folder of public FHIR data: SLUICE_TEST_DATA, or a folder next to
// the repository. Without it the test is skipped.
func dataDir(tb testing.TB) string {
	tb.Helper()

	dir := os.Getenv("SLUICE_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	if _, err := os.Stat(dir); err != nil {
		tb.Skip("no public FHIR data: set SLUICE_TEST_DATA to its folder")
	}
	return dir
}

// eachResource calls fn for every line of the gzipped ndjson files in a folder.
func eachResource(tb testing.TB, dir string, fn func(file string, doc []byte)) {
	tb.Helper()

	files, err := filepath.Glob(filepath.Join(dir, "*.ndjson.gz"))
	require.NoError(tb, err)
	require.NotEmpty(tb, files)
	for _, name := range files {
		file, err := os.Open(name)
		require.NoError(tb, err)
		zr, err := gzip.NewReader(file)
		require.NoError(tb, err)
		lines := bufio.NewScanner(zr)
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			fn(filepath.Base(name), lines.Bytes())
		}
		require.NoError(tb, lines.Err())
		require.NoError(tb, file.Close())
	}
}

var versionIDs = regexp.MustCompile(`"versionId":(\d+)`)

// TestPublishedPairs compares with the pairs in Aidbox's documentation. Its pages write
// meta.versionId as a number or as a string, which the converter copies.
func TestPublishedPairs(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile(filepath.Join(dataDir(t), "pairs", "aidbox-docs.json"))
	require.NoError(t, err)
	var pairs []struct {
		ID         string          `json:"id"`
		Type       string          `json:"fragment_of"`
		Attributes json.RawMessage `json:"needs_attributes"`
		Aidbox     json.RawMessage `json:"aidbox"`
		FHIR       json.RawMessage `json:"fhir"`
	}
	require.NoError(t, json.Unmarshal(text, &pairs))

	for _, pair := range pairs {
		t.Run(pair.ID, func(t *testing.T) {
			t.Parallel()

			if pair.ID == "table-row" || pair.ID == "fce-nested" {
				t.Skip("not a pair of documents / without its attributes")
			}
			c := fhir.NewConverter(fhir.R4().WithAttributes(publishedAttributes(t, pair.Attributes)), fhir.Options{})
			var got []byte
			if pair.Type == "" {
				got = c.AppendFHIR(nil, pair.Aidbox)
			} else {
				got = c.AppendFHIRType(nil, pair.Type, pair.Aidbox)
			}
			got = versionIDs.ReplaceAll(got, []byte(`"versionId":"$1"`))
			require.JSONEq(t, string(pair.FHIR), string(got))
		})
	}
}

// publishedAttributes returns the attributes of a published pair.
func publishedAttributes(tb testing.TB, text json.RawMessage) []fhir.Attribute {
	tb.Helper()

	if text == nil {
		return nil
	}
	var rows []struct {
		ID           string   `json:"id"`
		Path         []string `json:"path"`
		Type         string   `json:"type"`
		ExtensionURL string   `json:"extensionUrl"`
	}
	require.NoError(tb, json.Unmarshal(text, &rows))
	all := make([]fhir.Attribute, 0, len(rows))
	for _, row := range rows {
		resourceType, _, _ := strings.Cut(row.ID, ".")
		all = append(all, fhir.Attribute{
			ResourceType: resourceType, Path: row.Path, Type: row.Type,
			ExtensionURL: row.ExtensionURL,
		})
	}
	return all
}
