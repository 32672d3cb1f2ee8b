package storage

import (
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-90096f4d/sluice/telemetry/span"
)

// describe adds what a request sends. Its URL is left out: a signed one gives access. So
// is the header traceparent: the store belongs to no trace.
func describe(s trace.Span, request *http.Request) {
	s.SetAttributes(attribute.String("http.request.method", request.Method))
	if number, err := strconv.Atoi(request.URL.Query().Get("partNumber")); err == nil {
		s.SetAttributes(attribute.Int("aws.s3.part_number", number))
	}
	if request.ContentLength > 0 {
		s.SetAttributes(span.Bytes.Int64(request.ContentLength))
	}
}

// endSpan ends the span of a request when the header of its response was received.
func endSpan(s trace.Span, response *http.Response, err error) {
	if s.IsRecording() && err == nil {
		s.SetAttributes(attribute.Int("http.response.status_code", response.StatusCode))
		if response.StatusCode >= http.StatusBadRequest {
			span.Fail(s, strconv.Itoa(response.StatusCode))
		}
	}
	span.End(s, err)
}

// endUpload ends the span of an upload, of which nothing is sent any more.
func endUpload(s trace.Span, w *Writer) {
	if s.IsRecording() {
		s.SetAttributes(attribute.String("aws.s3.key", w.key), span.Bytes.Int64(w.upload.size))
	}
	span.End(s, w.closeErr)
}
