package storage_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// measured opens a bucket with metrics. The result returns them by name and labels.
func measured(t *testing.T, bucketURL string) (*storage.Bucket, func() map[string]float64) {
	t.Helper()
	registry := prometheus.NewRegistry()
	b, err := storage.Open(storage.Config{URL: bucketURL, Registry: registry})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b, func() map[string]float64 {
		families, err := registry.Gather()
		require.NoError(t, err)
		values := map[string]float64{}
		for _, family := range families {
			for _, series := range family.GetMetric() {
				values[seriesName(family, series)] = series.GetCounter().GetValue() + series.GetGauge().GetValue() + float64(series.GetHistogram().GetSampleCount())
			}
		}
		return values
	}
}

func seriesName(family *dto.MetricFamily, series *dto.Metric) string {
	parts := []string{strings.TrimPrefix(family.GetName(), "sluice_")}
	for _, label := range series.GetLabel() { // sorted by name
		parts = append(parts, label.GetValue())
	}
	return strings.Join(parts, " ")
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	b, values := measured(t, storagetest.Bucket(t))
	const text = "text of the object"
	w, err := b.Create(t.Context(), "secret-key/a")
	require.NoError(t, err)
	_, err = io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.InDelta(t, 1, values()["uploads_in_flight"], 0)
	object, err := w.Publish(t.Context())
	require.NoError(t, err)
	require.NoError(t, w.Abort(t.Context()))
	require.Zero(t, values()["uploads_in_flight"])

	aborted, err := b.Create(t.Context(), "secret-key/b")
	require.NoError(t, err)
	require.NoError(t, aborted.Close())
	require.InDelta(t, 1, values()["uploads_in_flight"], 0)
	require.NoError(t, aborted.Abort(t.Context()))
	require.Zero(t, values()["uploads_in_flight"])

	before := values()["store_received_bytes_total"]
	body, err := b.Read(t.Context(), object, 0, 0)
	require.NoError(t, err)
	got, err := io.ReadAll(body)
	require.NoError(t, err)
	require.NoError(t, body.Close())
	require.Equal(t, text, string(got))
	require.InDelta(t, before+float64(len(text)), values()["store_received_bytes_total"], 0)
	_, err = b.Stat(t.Context(), "secret-key/none")
	require.ErrorIs(t, err, storage.ErrNoObject)
	require.NoError(t, b.DeleteUnder(t.Context(), "secret-key"))
	require.NoError(t, b.Delete(t.Context(), "secret-key/a"))

	found := values()
	for operation, code := range map[string]string{
		"CreateMultipartUpload": "200", "UploadPart": "200", "CompleteMultipartUpload": "200", "AbortMultipartUpload": "204",
		"GetObject": "200", "HeadObject": "404", "ListObjectsV2": "200", "ListMultipartUploads": "200", "DeleteObjects": "200", "DeleteObject": "204",
	} {
		require.Positive(t, found["store_requests_total "+code+" "+operation], operation)
		require.Positive(t, found["store_request_duration_seconds "+operation], operation)
	}
	require.Zero(t, found["store_request_duration_seconds other"])
	require.GreaterOrEqual(t, found["store_sent_bytes_total"], float64(len(text)))
	for name := range found {
		require.NotContains(t, name, "secret-key")
	}
}

// Requests without a response are counted by who is at fault.
func TestMetricsOfFailures(t *testing.T) {
	t.Parallel()
	b, values := measured(t, "http://k:s@127.0.0.1:1/bucket")
	require.ErrorIs(t, b.Check(t.Context()), storage.ErrUnreachable)
	require.InDelta(t, 1, values()["store_requests_total error ListObjectsV2"], 0)

	ctx, cancel := context.WithCancel(t.Context())
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(hanging.Close)
	b, values = measured(t, strings.Replace(hanging.URL, "http://", "http://k:s@", 1)+"/bucket")
	require.ErrorIs(t, b.Check(ctx), context.Canceled)
	require.InDelta(t, 1, values()["store_requests_total canceled ListObjectsV2"], 0)
	require.Zero(t, values()["store_requests_total error ListObjectsV2"])
}
