package ndjson_test

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/load"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// All examples of HL7's R4 publication, in every format and form of jsonb.
func TestPublishedExamples(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	data := cmp.Or(os.Getenv("SLUICE_TEST_DATA"), filepath.Join("..", "..", "shared", "data"))
	files, err := filepath.Glob(filepath.Join(data, "r4-examples", "*.ndjson.gz"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("no public FHIR data: set SLUICE_TEST_DATA to its folder")
	}
	databaseURL := sourcetest.Database(t)
	loaded, err := load.Files(t.Context(), databaseURL, files, load.Options{Format: load.FHIR})
	require.NoError(t, err)
	require.EqualValues(t, 5305, loaded.Resources)

	o := newOracleOn(t, databaseURL, "")
	for _, count := range loaded.Types {
		o.resourceType = count.Type
		o.requireSame(t, ndjson.Format{})
		o.requireConverted(t)
	}
}
