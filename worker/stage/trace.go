package stage

import (
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"github.com/seed-90096f4d/sluice/telemetry/span"
)

// traceProgress adds what is read to the span of a scan, and an event when the first rows
// have been written. It returns the progress function to use, and a function that ends the
// span. A span that records nothing leaves progress as it is.
func traceProgress(scan trace.Span, progress func(rows, storedBytes int64)) (traced func(rows, storedBytes int64), end func(error)) {
	if !scan.IsRecording() {
		return progress, func(error) {}
	}
	var readRows, readBytes atomic.Int64
	traced = func(rows, storedBytes int64) {
		if readRows.Swap(rows) == 0 && rows > 0 {
			scan.AddEvent("first rows")
		}
		readBytes.Store(storedBytes)
		progress(rows, storedBytes)
	}
	return traced, func(err error) {
		scan.SetAttributes(span.Rows.Int64(readRows.Load()), span.Bytes.Int64(readBytes.Load()))
		span.End(scan, err)
	}
}
