package fhir_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
)

func TestAppendFHIRDump(t *testing.T) {
	t.Parallel()

	c := fhir.NewConverter(fhir.R4(), fhir.Options{})
	got := c.AppendFHIR([]byte("before "), []byte(`{"id": "pt-1", "meta": {"createdAt": "2021-06-10T08:26:10.707454Z", "versionId": 481, "lastUpdated": "2021-06-10T08:26:10.707454Z"}, "name": [{"given": ["Alice"]}], "citizenship": [{"code": {"text": "ru"}}], "resourceType": "Patient"}`))
	require.Equal(t, `before {"id":"pt-1","meta":{"versionId":481,"lastUpdated":"2021-06-10T08:26:10.707454Z","extension":[{"url":"ex:createdAt","valueInstant":"2021-06-10T08:26:10.707454Z"}]},"name":[{"given":["Alice"]}],"citizenship":[{"code":{"text":"ru"}}],"resourceType":"Patient"}`, string(got))
}
