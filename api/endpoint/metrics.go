package endpoint

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/seed-90096f4d/sluice/api/stall"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/telemetry"
)

// BreakReason returns the code of why a response was not completed because of err. ctx is
// the context of the request.
func BreakReason(ctx context.Context, err error) string {
	var revoked *RevokedError
	switch {
	case errors.As(context.Cause(ctx), &revoked):
		return "client_revoked"
	case errors.Is(err, stall.ErrStalled):
		return "client_stalled"
	case errors.Is(err, source.ErrInTheWay):
		return "lock_conflict"
	case ctx.Err() != nil:
		return "connection_closed"
	}
	return "failed"
}

// Outcomes are how a response with data can end, for metrics.
var Outcomes = []string{completed, "failed", "client_gone", "stalled", "revoked"}

const completed = "completed"

// Outcome returns how a response with data has ended, one of Outcomes.
func Outcome(ctx context.Context, err error) string {
	if err == nil {
		return completed
	}
	switch reason := BreakReason(ctx, err); reason {
	case "client_revoked":
		return "revoked"
	case "client_stalled":
		return "stalled"
	case "connection_closed":
		return "client_gone"
	}
	return "failed"
}

// StreamMetrics are the metrics of one kind of Stream.
type StreamMetrics struct {
	ended               *prometheus.CounterVec
	duration, firstByte prometheus.Histogram
}

// StreamNames are the names of the metrics of one kind of Stream.
type StreamNames struct {
	// Of is what the streams are, for help texts.
	Of string

	// Ended is the name of a counter, Duration and FirstByte those of histograms.
	Ended, Duration, FirstByte string

	// Formats are the values of the label format of Ended.
	Formats []string
}

// NewStreamMetrics registers the metrics of one kind of Stream.
func NewStreamMetrics(registry prometheus.Registerer, names StreamNames) *StreamMetrics {
	factory := promauto.With(registry)
	m := &StreamMetrics{
		ended: factory.NewCounterVec(prometheus.CounterOpts{
			Name: names.Ended,
			Help: names.Of + " that have ended, by format and outcome. Refused ones do not count.",
		}, []string{"format", "outcome"}),
		duration: factory.NewHistogram(telemetry.HistogramOpts(names.Duration,
			"Time from the request to the end of the response, of "+names.Of+" that were completed.",
			.1, 1, 5, 15, 60, 300, 900, 3600, 14400)),
		firstByte: factory.NewHistogram(telemetry.HistogramOpts(names.FirstByte,
			"Time from the request to the first byte of the response, of "+names.Of+".",
			.005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5)),
	}
	for _, format := range names.Formats {
		for _, outcome := range Outcomes {
			m.ended.WithLabelValues(format, outcome)
		}
	}
	return m
}

// Observe records that a stream has ended with err.
func (m *StreamMetrics) Observe(s *Stream, format string, err error) {
	ctx, start := s.call.Ctx(), s.call.Event.At
	outcome := Outcome(ctx, err)
	m.ended.WithLabelValues(format, outcome).Inc()
	if begunAt := s.start(); !begunAt.IsZero() {
		telemetry.Observe(ctx, m.firstByte, begunAt.Sub(start).Seconds())
	}
	if outcome == completed {
		telemetry.Observe(ctx, m.duration, time.Since(start).Seconds())
	}
}
