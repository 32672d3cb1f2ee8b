// Package gauges exports totals of the state database as metrics. Every process of the
// API exports them all, so rules take the maximum or minimum over processes.
//
// It must not know SQL, and it has labels with ids of clients only if asked to.
package gauges

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/overview"
	"github.com/seed-90096f4d/sluice/telemetry"
)

// Register registers the gauges. clients adds those with a label for the client, which
// not everyone may see.
func Register(registry prometheus.Registerer, logger *slog.Logger, reader *overview.Reader, clients bool) {
	registry.MustRegister(exportsCollector(logger, reader), filesCollector(logger, reader),
		queuesCollector(logger, reader), maintenanceCollector(logger, reader))
	if clients {
		registry.MustRegister(clientsCollector(logger, reader))
	}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("sluice_"+name, help, labels, nil)
}

func gauge[T int | int64 | float64](desc *prometheus.Desc, value T, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), labels...)
}

// timestamp returns a gauge of a time; nil, which is never, is 0.
func timestamp(desc *prometheus.Desc, at *time.Time, labels ...string) prometheus.Metric {
	if at == nil {
		return gauge(desc, 0, labels...)
	}
	return gauge(desc, telemetry.Timestamp(*at), labels...)
}

func exportsCollector(logger *slog.Logger, reader *overview.Reader) *telemetry.Collector {
	exports := desc("exports", "Exports by state.", "state")
	oldest := desc("export_oldest_timestamp_seconds", "Time when the oldest export in the state was accepted (0 = there is none).", "state")
	progress := desc("export_progress_timestamp_seconds", "Time of the least recent progress among running exports (0 = none is running).")
	runnable := desc("parts_runnable", "Parts that workers can work on at the same time: queued and running parts, and one for each export that is not planned yet.")
	parts := desc("parts_left", "Parts of planned exports that are not done.")
	bytes := desc("export_bytes_left", "Bytes on disk that planned exports still have to read.")
	return telemetry.NewCollector("exports", logger, func(ctx context.Context) ([]prometheus.Metric, error) {
		totals, err := reader.Exports(ctx)
		if err != nil {
			return nil, err
		}
		return []prometheus.Metric{
			gauge(exports, totals.Accepted, string(jobs.Accepted)),
			gauge(exports, totals.Running, string(jobs.Running)),
			gauge(exports, totals.Completed, string(jobs.Completed)),
			timestamp(oldest, totals.OldestAccepted, string(jobs.Accepted)),
			timestamp(oldest, totals.OldestRunning, string(jobs.Running)),
			timestamp(oldest, totals.OldestCompleted, string(jobs.Completed)),
			timestamp(progress, totals.LeastProgress),
			gauge(runnable, totals.PartsRunnable),
			gauge(parts, totals.PartsLeft),
			gauge(bytes, totals.BytesLeft),
		}, nil
	}, exports, oldest, progress, runnable, parts, bytes)
}

func filesCollector(logger *slog.Logger, reader *overview.Reader) *telemetry.Collector {
	files := desc("files_kept", "Files of exports in the bucket.")
	bytes := desc("files_kept_bytes", "Size of the files of exports in the bucket.")
	overdue := desc("files_overdue", "Files that should have been deleted at least 10 minutes ago, because their export has expired, failed or was cancelled.")
	return telemetry.NewCollector("files", logger, func(ctx context.Context) ([]prometheus.Metric, error) {
		stored, err := reader.Stored(ctx)
		if err != nil {
			return nil, err
		}
		return []prometheus.Metric{gauge(files, stored.Files), gauge(bytes, stored.Bytes), gauge(overdue, stored.Overdue)}, nil
	}, files, bytes, overdue)
}

// queues and queueStates are the label values that always exist.
var (
	queues      = []string{jobs.QueueExport, jobs.QueuePart, jobs.QueueCleanup}
	queueStates = []string{"available", "pending", "retryable", "running", "scheduled"}
)

// label returns the label of a queue, which is the worker's.
func label(queue string) string { return strings.TrimPrefix(queue, "sluice_") }

func queuesCollector(logger *slog.Logger, reader *overview.Reader) *telemetry.Collector {
	count := desc("queue_jobs", "Jobs that have not ended, by queue and state.", "queue", "state")
	oldest := desc("queue_oldest_timestamp_seconds", "Time since when the longest waiting job of the queue is available (0 = none waits).", "queue")
	return telemetry.NewCollector("queues", logger, func(ctx context.Context) ([]prometheus.Metric, error) {
		all, err := reader.Queues(ctx)
		if err != nil {
			return nil, err
		}
		type key struct{ queue, state string }
		counts, since := map[key]int{}, map[string]*time.Time{}
		for _, queued := range all {
			counts[key{queued.Queue, queued.State}] = queued.Count
			if queued.Oldest != nil {
				since[queued.Queue] = queued.Oldest
			}
		}
		var metrics []prometheus.Metric
		for _, queue := range queues {
			for _, state := range queueStates {
				metrics = append(metrics, gauge(count, counts[key{queue, state}], label(queue), state))
			}
			metrics = append(metrics, timestamp(oldest, since[queue], label(queue)))
		}
		return metrics, nil
	}, count, oldest)
}

func maintenanceCollector(logger *slog.Logger, reader *overview.Reader) *telemetry.Collector {
	success := desc("maintenance_last_success_timestamp_seconds", "Time of the last success of a maintenance task (0 = none within a day).", "task")
	return telemetry.NewCollector("maintenance", logger, func(ctx context.Context) ([]prometheus.Metric, error) {
		last, err := reader.Maintenance(ctx)
		if err != nil {
			return nil, err
		}
		return []prometheus.Metric{timestamp(success, last.Expire, "expire"), timestamp(success, last.Sweep, "sweep"), timestamp(success, last.Cleanup, "cleanup")}, nil
	}, success)
}

func clientsCollector(logger *slog.Logger, reader *overview.Reader) *telemetry.Collector {
	exports := desc("client_exports", "Exports by client and state.", "client", "state")
	return telemetry.NewCollector("clients", logger, func(ctx context.Context) ([]prometheus.Metric, error) {
		all, err := reader.Clients(ctx)
		if err != nil {
			return nil, err
		}
		metrics := make([]prometheus.Metric, len(all))
		for i, own := range all {
			metrics[i] = gauge(exports, own.Count, own.ClientID, string(own.State))
		}
		return metrics, nil
	}, exports)
}
