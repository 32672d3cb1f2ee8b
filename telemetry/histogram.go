package telemetry

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Native histograms have buckets that grow by a factor of up to 1.1, at most 160 of them.
const (
	nativeBucketFactor = 1.1
	maxNativeBuckets   = 160
)

// HistogramOpts returns the options of a histogram with these classic buckets, which is
// a native histogram as well: a scraper chooses.
func HistogramOpts(name, help string, buckets ...float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name:                           name,
		Help:                           help,
		Buckets:                        buckets,
		NativeHistogramBucketFactor:    nativeBucketFactor,
		NativeHistogramMaxBucketNumber: maxNativeBuckets,
	}
}

// Observe adds a value to a histogram. If ctx belongs to a sampled trace, the value gets
// the id of the trace as an exemplar.
func Observe(ctx context.Context, histogram prometheus.Observer, value float64) {
	span := trace.SpanContextFromContext(ctx)
	if with, ok := histogram.(prometheus.ExemplarObserver); ok && span.IsSampled() {
		with.ObserveWithExemplar(value, prometheus.Labels{"trace_id": span.TraceID().String()})
		return
	}
	histogram.Observe(value)
}
