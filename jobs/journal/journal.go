// Package journal logs and counts the events of exports: one log line and its metrics
// for each.
//
// The process whose transaction changed an export observes the event, so that over all
// processes every event is logged and counted once. It must not know how exports are
// run. The lines contain no search criteria and no ids of patients or Groups.
package journal

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-90096f4d/sluice/jobs"
)

// Journal logs and counts events. It is safe for concurrent use.
type Journal struct {
	logger  *slog.Logger
	metrics *metrics
}

// New returns a Journal. Its metrics are registered if registry is not nil.
func New(logger *slog.Logger, registry prometheus.Registerer) *Journal {
	return &Journal{logger: logger, metrics: newMetrics(registry)}
}

// Observe logs and counts an event. It is a jobs.Config.Observe.
func (j *Journal) Observe(ctx context.Context, event jobs.Event) {
	level, attributes := slog.LevelInfo, []slog.Attr(nil)
	switch event.Kind {
	case jobs.EventAccepted:
		attributes = []slog.Attr{slog.String("exportLevel", levelName(event.Level))}
	case jobs.EventStarted:
		attributes = []slog.Attr{slog.Int("types", event.Types), slog.Int("parts", event.Parts),
			slog.Int64("bytesPlanned", event.Bytes), slog.Time("transactionTime", *event.TransactionTime)}
	case jobs.EventTakenOver:
		attributes = []slog.Attr{slog.Int("partsDone", event.PartsDone), slog.Int("parts", event.Parts), slog.Time("transactionTime", *event.TransactionTime)}
	case jobs.EventRestarted:
		attributes = []slog.Attr{slog.String("reason", event.Reason)}
	case jobs.EventCompleted:
		attributes = []slog.Attr{slog.Int64("resources", event.Totals.Resources), slog.Int64("files", event.Totals.Files),
			slog.Int64("bytes", event.Totals.PlainBytes), slog.Int64("bytesStored", event.Totals.StoredBytes)}
	case jobs.EventFailed:
		level = failureLevel(event)
		attributes = []slog.Attr{slog.String("reason", event.Reason)}
	case jobs.EventCancelled, jobs.EventDeleted:
		attributes = []slog.Attr{slog.String("by", event.Reason)}
	}
	j.metrics.count(ctx, event)

	common := []slog.Attr{slog.String("export", event.ExportID.String()), slog.String("client", event.ClientID)}
	if event.Generation > 1 {
		common = append(common, slog.Int("attempt", event.Generation))
	}
	if event.Age > 0 {
		common = append(common, slog.Float64("seconds", seconds(event.Age)))
	}
	j.logger.LogAttrs(ctx, level, "export "+string(event.Kind), append(common, attributes...)...)
}

// failureLevel returns the level of a failed export. If a job failed, the worker has
// logged its error as an error or a warning: a view that does not fit the data is none of
// the server.
func failureLevel(event jobs.Event) slog.Level {
	if event.ByJob {
		return slog.LevelWarn
	}
	return slog.LevelError
}

// seconds returns the duration in seconds, to the millisecond.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }

// levelName returns the value of the label level.
func levelName(level jobs.Level) string {
	if level == jobs.SystemLevel {
		return "system"
	}
	return string(level)
}
