// Package worker runs exports as River jobs: it holds the snapshot of an export while
// its parts are read, renews leases, takes over the work of dead processes, classifies
// failures, completes exports, and deletes what is no longer needed.
//
// Package plan turns a request into parts, package stage turns a part into objects, and
// package bypatient does both for exports organized by patient. The states of exports
// and the SQL that changes them are in package jobs. It must not know of HTTP or of
// clients.
package worker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/stateclock"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/worker/bypatient"
	"github.com/seed-90096f4d/sluice/worker/plan"
	"github.com/seed-90096f4d/sluice/worker/stage"
)

// Config configures a Worker. Unless they say otherwise, fields must be set.
type Config struct {
	// Bucket is where objects are stored.
	Bucket *storage.Bucket

	// Check returns why this process must not take a job, or nil: jobs.ErrLocationMoved if its
	// location is not the recorded one, jobs.ErrNewer if it must not even write to the
	// state database. It is called before each job. It may be nil.
	Check func(context.Context) error

	// Clock shows the time of the state database. Run measures it once; after that its
	// owner keeps it up to date (stateclock.Clock.Watch).
	Clock *stateclock.Clock

	// Database is the state database, migrated. Exports and parts use its connections
	// now and then.
	Database *pgxpool.Pool

	// Exports is the maximum number of exports that this process holds snapshots for.
	Exports int

	// History is how long the record of an export is kept after its end, or after its
	// files have expired.
	History time.Duration

	// Location is the version of the recorded location that Bucket and Source belong
	// to, or 0 if none is recorded.
	Location int

	// Logger logs what an operator should know.
	Logger *slog.Logger

	// ExportTimeout is the maximum age of an export, and with it of its snapshot, from the
	// kick-off on.
	ExportTimeout time.Duration

	// MaxFileBytes is the maximum size of a file, in bytes before compression. Only a
	// larger resource makes a file larger. Parquet files have 256 MiB at most.
	MaxFileBytes int64

	// Observe, if set, is called for each event of an export that the worker has
	// committed (jobs.Config.Observe).
	Observe func(context.Context, jobs.Event)

	// OutageLimit is how long an export waits in an outage, or for a worker that can
	// run its jobs, before it fails.
	OutageLimit time.Duration

	// PartBytes is the maximum size of a part, in bytes of a table on disk.
	PartBytes int64

	// Registry registers the worker's metrics. It may be nil.
	Registry prometheus.Registerer

	// Retention is how long the files of a completed export are kept.
	Retention time.Duration

	// Slots is the maximum number of parts that this process reads at the same time.
	Slots int

	// Source is the database of the FHIR tables.
	Source *source.Source

	// StopTimeout is how long running parts may continue when the worker stops. Parts
	// that are not done by then are requeued.
	StopTimeout time.Duration

	// Tracer starts a trace for each job of an export and of a part. Nil means none.
	Tracer trace.Tracer

	// Version is the version of Sluice, for the metadata of Parquet files.
	Version string

	// Window is the maximum number of parts of one export that are queued or running.
	Window int
}

// Worker runs the jobs of exports.
type Worker struct {
	config    Config
	health    *health
	metrics   *metrics
	pulse     *pulse
	snapshots *heldSnapshots
	store     *jobs.Store
}

// New returns a Worker, which does nothing before Run.
func New(cfg Config) (*Worker, error) {
	if cfg.Check == nil {
		cfg.Check = func(context.Context) error { return nil }
	}
	store, err := jobs.New(cfg.Database, jobs.Config{Location: cfg.Location, Observe: cfg.Observe, Window: cfg.Window})
	if err != nil {
		return nil, err
	}

	metric := newMetrics(cfg.Registry)
	metric.slotsLimit.Set(float64(cfg.Slots))
	metric.exportTimeout.Set(cfg.ExportTimeout.Seconds())
	if cfg.Registry != nil && cfg.Source != nil {
		cfg.Registry.MustRegister(newXminCollector(cfg.Logger, cfg.Source))
	}
	return &Worker{config: cfg, health: newHealth(cfg, metric, store), metrics: metric, pulse: &pulse{}, snapshots: newHeldSnapshots(metric), store: store}, nil
}

// newClient returns a River client that takes jobs. It can be started once.
func (w *Worker) newClient() (*river.Client[pgx.Tx], error) {
	cfg := w.config
	workers := river.NewWorkers()
	river.AddWorker(workers, &exportWorker{Worker: w, planner: &plan.Planner{
		Source:       cfg.Source,
		Logger:       cfg.Logger,
		ByPatient:    (&bypatient.Planner{Bucket: cfg.Bucket, Source: cfg.Source}).Plan,
		PartBytes:    cfg.PartBytes,
		MaxFileBytes: cfg.MaxFileBytes,
		Window:       cfg.Window,
	}})
	river.AddWorker(workers, &partWorker{Worker: w, stager: &stage.Stager{
		Bucket:       cfg.Bucket,
		Source:       cfg.Source,
		Store:        w.store,
		ByPatient:    bypatient.Stage,
		MaxFileBytes: cfg.MaxFileBytes,
		Version:      cfg.Version,
	}})
	river.AddWorker(workers, &cleanupWorker{Worker: w})
	river.AddWorker(workers, &expireWorker{Worker: w})
	river.AddWorker(workers, &sweepWorker{Worker: w})

	client, err := river.NewClient(riverpgxv5.New(cfg.Database), &river.Config{
		ErrorHandler:         &errorHandler{Worker: w},
		Hooks:                []rivertype.Hook{w.pulse},
		JobTimeout:           jobs.ShortJobTimeout,
		Middleware:           w.middleware(),
		Logger:               newRiverLog(cfg.Logger),
		PeriodicJobs:         periodicJobs(),
		Queues:               queues(cfg),
		RescueStuckJobsAfter: never, // jobs.Store.Reclaim does that
		RetryPolicy:          retryPolicy{clock: cfg.Clock},
		Schema:               jobs.Schema,
		SoftStopTimeout:      cfg.StopTimeout,
		Test:                 river.TestConfig{Time: cfg.Clock}, // the only way to give River a clock
		Workers:              workers,
	})
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	return client, nil
}

// middleware returns the middleware of jobs, the outer one first.
func (w *Worker) middleware() []rivertype.Middleware {
	all := []rivertype.Middleware{&measure{metrics: w.metrics, pulse: w.pulse}, &middleware{Worker: w, given: newThrottle()}}
	if w.config.Tracer != nil {
		all = slices.Insert(all, 0, rivertype.Middleware(&tracing{tracer: w.config.Tracer}))
	}
	return all
}

// never is longer than any process runs.
const never = 100 * 365 * 24 * time.Hour

func queues(cfg Config) map[string]river.QueueConfig {
	// A part of a small table takes milliseconds. By default, River would fetch only
	// ten times a second.
	const cooldown = 5 * time.Millisecond
	return map[string]river.QueueConfig{
		jobs.QueueExport:  {MaxWorkers: cfg.Exports, FetchCooldown: cooldown},
		jobs.QueuePart:    {MaxWorkers: cfg.Slots, FetchCooldown: cooldown},
		jobs.QueueCleanup: {MaxWorkers: 1},
	}
}

// Run runs jobs until ctx ends. Then it takes no more jobs, lets the running ones
// continue for Config.StopTimeout, and returns. It does the same when the process
// becomes unhealthy, and starts again when it is healthy.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.config.Clock.Measure(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var reclaiming sync.WaitGroup
	defer reclaiming.Wait()
	defer cancel()
	reclaiming.Go(func() { w.reclaim(ctx) })

	for ctx.Err() == nil {
		w.health.await(ctx)
		if err := w.work(ctx); err != nil {
			return err
		}
	}
	return nil
}

// work runs jobs until ctx ends or the process becomes unhealthy.
func (w *Worker) work(ctx context.Context) error {
	client, err := w.newClient()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := client.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it started
		}
		return fmt.Errorf("worker: %w", err)
	}
	w.pulse.start(queues(w.config))
	failed, _ := w.health.state()
	select {
	case <-ctx.Done():
	case <-failed:
		cancel()
	}
	w.pulse.start(nil)
	<-client.Stopped()
	return nil
}
