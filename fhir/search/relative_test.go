package search_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir/search"
)

// TestRelative checks that only references below the base URL become relative, and that
// the rest of a query remains unchanged.
func TestRelative(t *testing.T) {
	t.Parallel()
	const base = "https://example.org/fhir"
	for query, want := range map[string]string{
		"subject=https://example.org/fhir/Patient/p1":                                  "subject=Patient/p1",
		"subject=HTTPS://EXAMPLE.org/fhir/Patient/p1/_history/2,Patient/p2&status=%41": "subject=Patient/p1/_history/2,Patient/p2&status=%41",
		"subject=https://example.org/fhir/Patient/a%26b,x\\,y":                         "subject=Patient/a%26b,x\\,y",
		"subject=https://example.org/fhirs/Patient/p1":                                 "subject=https://example.org/fhirs/Patient/p1",
		"subject=https://example.org/fhir":                                             "subject=https://example.org/fhir",
		"subject:missing=https://example.org/fhir/Patient/p1":                          "subject:missing=https://example.org/fhir/Patient/p1",
		"code=https://example.org/fhir/x|1&&subject=https://example.org/fhir/x/y&no":   "code=https://example.org/fhir/x|1&&subject=x/y&no",
		"subject:identifier=https://example.org/fhir/x|1":                              "subject:identifier=https://example.org/fhir/x|1",
	} {
		require.Equal(t, want, search.Relative("Observation", query, base), query)
	}
	const canonical = "questionnaire=https://example.org/fhir/Questionnaire/q"
	require.Equal(t, canonical, search.Relative("QuestionnaireResponse", canonical, base))
}
