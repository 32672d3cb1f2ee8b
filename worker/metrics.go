package worker

import (
	"cmp"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/riverqueue/river"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/telemetry"
	"github.com/seed-90096f4d/sluice/worker/stage"
)

// metrics are the metrics of a worker. Package journal has those of the events of
// exports.
type metrics struct {
	fit     prometheus.Gauge
	waiting prometheus.Gauge
	waits   *prometheus.CounterVec

	resources   *prometheus.CounterVec
	readBytes   *prometheus.CounterVec
	issues      *prometheus.CounterVec
	storedBytes prometheus.Counter
	files       prometheus.Counter

	jobDuration *prometheus.HistogramVec
	queueWait   *prometheus.HistogramVec
	slotsBusy   prometheus.Gauge
	slotsLimit  prometheus.Gauge

	exportTimeout prometheus.Gauge

	leasesLost      *prometheus.CounterVec
	leasesReclaimed *prometheus.CounterVec
	renewalFailures *prometheus.CounterVec

	snapshots      prometheus.Gauge
	oldestSnapshot prometheus.Gauge
	lag            prometheus.Histogram
}

// newMetrics returns the metrics, registered if registry is not nil.
func newMetrics(registry prometheus.Registerer) *metrics {
	factory := promauto.With(registry)
	gauge := func(name, help string) prometheus.Gauge {
		return factory.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return factory.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	counters := func(name, help, label string) *prometheus.CounterVec {
		return factory.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	m := &metrics{
		fit:     gauge("sluice_worker_fit", "1 while the worker takes jobs, 0 while its health check fails."),
		waiting: gauge("sluice_waiting_exports", "Exports of all processes that wait because of an outage or for a worker."),
		waits:   counters("sluice_export_waits_total", "Waits of exports that this process has recorded, by reason.", "reason"),

		resources:   counters("sluice_export_resources_total", "Resources, or rows of views, in the files of finished parts.", "resource_type"),
		readBytes:   counters("sluice_export_read_bytes_total", "Bytes of resources that finished parts have read.", "resource_type"),
		issues:      counters("sluice_export_issues_total", "Values that finished parts could not convert to FHIR.", "resource_type"),
		storedBytes: counter("sluice_export_stored_bytes_total", "Bytes of the files of exports, after compression."),
		files:       counter("sluice_export_files_total", "Files of exports."),

		jobDuration: factory.NewHistogramVec(
			telemetry.HistogramOpts("sluice_job_duration_seconds", "Time that a job ran.", .01, .05, .1, .5, 1, 5, 15, 30, 60, 120, 300, 600, 1800),
			[]string{"kind", "outcome"}),
		queueWait: factory.NewHistogramVec(
			telemetry.HistogramOpts("sluice_job_queue_wait_seconds", "Time from when a job was due until it started.", .005, .05, .5, 1, 5, 15, 60, 300, 900),
			[]string{"queue"}),
		slotsBusy:  gauge("sluice_slots_busy", "Parts that the worker reads."),
		slotsLimit: gauge("sluice_slots_limit", "Maximum of parts that the worker reads at the same time."),

		exportTimeout: gauge("sluice_export_timeout_seconds", "Maximum duration of an export from its kick-off (SLUICE_EXPORT_TIMEOUT); then it fails."),

		leasesLost:      counters("sluice_leases_lost_total", "Leases of running jobs that expired, or whose work was taken over or cancelled.", "kind"),
		leasesReclaimed: counters("sluice_leases_reclaimed_total", "Jobs with an expired lease that this process has requeued.", "kind"),
		renewalFailures: counters("sluice_lease_renewal_failures_total", "Failed renewals of leases, of which a few do no harm.", "kind"),

		snapshots:      gauge("sluice_snapshots_held", "Snapshots of the source database that the worker holds for exports."),
		oldestSnapshot: gauge("sluice_snapshot_oldest_timestamp_seconds", "When the oldest snapshot that the worker holds was taken; 0 without any."),
		lag: factory.NewHistogram(telemetry.HistogramOpts("sluice_transaction_time_lag_seconds",
			"How much earlier the transactionTime of an export is than its snapshot.", .01, .1, 1, 10, 60, 300, 900, 3600)),
	}
	m.createLabels()
	return m
}

// createLabels creates the metrics of all known labels, so that their first increment is
// visible as one.
func (m *metrics) createLabels() {
	for _, kind := range []river.JobArgs{jobs.ExportArgs{}, jobs.PartArgs{}} {
		label := short(kind.Kind())
		for _, vector := range []*prometheus.CounterVec{m.leasesLost, m.leasesReclaimed, m.renewalFailures} {
			vector.WithLabelValues(label)
		}
		for _, outcome := range []string{outcomeCompleted, outcomeFailed, outcomeSnoozed, outcomeCancelled, outcomeStopped} {
			m.jobDuration.WithLabelValues(label, outcome)
		}
	}
	for _, kind := range []river.JobArgs{jobs.CleanupArgs{}, jobs.ExpireArgs{}, jobs.SweepArgs{}} {
		for _, outcome := range []string{outcomeCompleted, outcomeFailed} {
			m.jobDuration.WithLabelValues(short(kind.Kind()), outcome)
		}
	}
	for _, queue := range []string{jobs.QueueExport, jobs.QueuePart, jobs.QueueCleanup} {
		m.queueWait.WithLabelValues(short(queue))
	}
}

// manyTypes is the label of parts that read resources of many types.
const manyTypes = "many"

// countPart counts a part that was completed.
func (m *metrics) countPart(part jobs.Part, files stage.Files, bytesRead int64) {
	resourceType := cmp.Or(part.ResourceType, manyTypes)
	var listed jobs.Files
	listed.Add(files.Files...)
	m.resources.WithLabelValues(resourceType).Add(float64(listed.Resources()))
	m.readBytes.WithLabelValues(resourceType).Add(float64(bytesRead))
	m.issues.WithLabelValues(resourceType).Add(float64(files.Issues))
	m.countFiles(files.Files)
}

// countFiles counts files that were published.
func (m *metrics) countFiles(files []jobs.File) {
	m.files.Add(float64(len(files)))
	for _, file := range files {
		m.storedBytes.Add(float64(file.Bytes))
	}
}

// short returns the label of a queue or of a kind of jobs.
func short(name string) string { return strings.TrimPrefix(name, "sluice_") }
