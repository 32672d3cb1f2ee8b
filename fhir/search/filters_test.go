package search_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/fhir/search/params"
)

// TestPublishedExamples searches HL7's examples by every parameter, with values from
// the examples, and compares with the oracle.
func TestPublishedExamples(t *testing.T) {
	t.Parallel()

	s := newStore(t, published(t, "r4-examples")...)
	checkAll(t, s, 2)
}

// TestSyntheticPatients does the same with the records of synthetic patients: more
// resources of fewer types.
func TestSyntheticPatients(t *testing.T) {
	t.Parallel()

	s := newStore(t, published(t, "synthea-bds")...)
	checkAll(t, s, 2)
}

// checkAll runs up to count searches by each parameter of each type.
func checkAll(t *testing.T, s store, count int) {
	t.Helper()

	g := generator{rand.New(rand.NewPCG(1, 2))} // the same searches each time
	searches, hits, kinds := 0, 0, make(map[string]int)
	seen := make(map[string]bool)
	for _, resourceType := range fhir.R4().ResourceTypes() {
		documents := s.documents[resourceType]
		if len(documents) == 0 {
			continue
		}
		for _, p := range params.R4().Parameters(resourceType) {
			if p.Unsupported != "" || p.Name == "_id" || p.Name == "_lastUpdated" {
				continue
			}
			for made, tries := 0, 0; made < count && tries < 20*count; tries++ {
				q, ok := g.query(p, documents)
				name := resourceType + "?" + q.text
				if !ok || seen[name] {
					continue
				}
				made, seen[name] = made+1, true
				want := s.matching(resourceType, q.fits)
				if got := s.search(t, resourceType, q.text); !slices.Equal(got, want) {
					t.Errorf("%s (%s): %d found, %d wanted; %v", name, p.Type, len(got), len(want), difference(got, want))
				}
				searches++
				kinds[p.Type]++
				if len(want) > 0 {
					hits++
				}
			}
		}
	}
	t.Logf("%d searches, of which %d find something; by type: %v", searches, hits, kinds)
	require.Greater(t, hits, searches/2)
}

// difference returns some of the items that only one of the lists has.
func difference(got, want []string) []string {
	count := make(map[string]int)
	for _, id := range got {
		count["too many: "+id]++
		count["missing: "+id]--
	}
	for _, id := range want {
		count["too many: "+id]--
		count["missing: "+id]++
	}
	var all []string
	for id, n := range count {
		if n > 0 && len(all) < 4 {
			all = append(all, id)
		}
	}
	return all
}
