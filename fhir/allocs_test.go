package fhir_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source/jsonb/jsonbtest"
)

// validAllocs is what json.Valid, which AppendAidbox calls once, may allocate: a scanner
// and its stack, if its pool is empty, as it often is under the race detector.
const validAllocs = 3.0

// TestAllocations checks that a warm converter allocates nothing. It is not parallel:
// AllocsPerRun counts the allocations of all goroutines.
func TestAllocations(t *testing.T) {
	c := fhir.NewConverter(fhir.R4().WithAttributes(attributes(t)), fhir.Options{})
	docs := [][]byte{[]byte(observation), []byte(attributesDoc)}
	for _, g := range goldens(t) {
		docs = append(docs, []byte(g.aidbox))
	}
	var dst []byte
	for _, doc := range docs {
		convert := func() { dst = c.AppendFHIR(dst[:0], doc) }
		convert()
		require.Zero(t, testing.AllocsPerRun(10, convert), "%s", doc)

		stored, resourceType := jsonbtest.Encode(doc), statedType(doc)
		convert = func() {
			var err error
			dst, err = c.AppendFHIRStored(dst[:0], resourceType, stored)
			require.NoError(t, err)
		}
		convert()
		require.Zero(t, testing.AllocsPerRun(10, convert), "%s", doc)
	}
	for _, doc := range docs[:2] {
		doc = c.AppendFHIR(nil, doc)
		convert := func() {
			var err error
			dst, err = c.AppendAidbox(dst[:0], doc)
			require.NoError(t, err)
		}
		convert()
		require.LessOrEqual(t, testing.AllocsPerRun(10, convert), validAllocs, "%s", doc)
	}
}

// attributesDoc has nested and repeating first-class extensions.
const attributesDoc = `{"id": "1", "meta": {"tenant": "t", "createdAt": "2020-01-02T00:00:00Z"}, "race": {"text": "x", "category": [{"code": "a"}, {"code": "b"}]}, "clinic": {"id": "o", "resourceType": "Organization"}, "contact": [{"since": "2020-01-02"}], "extension": [{"url": "a", "valueString": "x"}], "resourceType": "Patient"}`
