package storage_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/storage"
)

// BenchmarkLink signs a link, as a manifest does for each of its files at each
// poll. It uses no network.
func BenchmarkLink(b *testing.B) {
	bucket, err := storage.Open(storage.Config{URL: "http://key:secret@127.0.0.1:1/bucket/prefix?region=us-east-1"})
	require.NoError(b, err)
	defer bucket.Close()
	opts := storage.LinkOptions{Expires: time.Hour, ContentType: "application/fhir+ndjson", ContentEncoding: "gzip", FileName: "Observation.0001.ndjson"}
	var link string
	b.ReportAllocs()
	for b.Loop() {
		link, err = bucket.Link(b.Context(), "0198a6f2-6b1f-7b5e-8f0e-3f6f2d9d4c11/Observation.0001.ndjson.gz", opts)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(len(link)), "bytes/link")
}
