// Package worker does the jobs of exports: it plans an export under one
// database snapshot, reads its parts into objects, writes the manifest, and
// removes what is no longer wanted.
//
// What an export is and how its states move stands in jobs, how rows become
// lines in dump. The worker must not know of HTTP or of clients.
package worker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/stateclock"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/storage"
)

// Defaults of Config.
const (
	DefaultExports     = 16
	DefaultHistory     = 30 * 24 * time.Hour
	DefaultStopTimeout = 10 * time.Second
)

// Config is what a Worker works with.
type Config struct {
	// Bucket is where objects go.
	Bucket *storage.Bucket

	// Clock shows the time of the state database. Run measures it once; after
	// that its owner keeps it up to date (stateclock.Clock.Watch).
	Clock *stateclock.Clock

	// Database is the state database, migrated. Each export takes one
	// connection more than the pool allows for as long as it runs, each part one
	// of the pool's now and then.
	Database *pgxpool.Pool

	// Exports bounds how many exports this process keeps snapshots for at the
	// same time. Defaults to DefaultExports.
	Exports int

	// Fit returns why this process must not take a job now, or nil: jobs.ErrLocationMoved if
	// its location is not the recorded one, jobs.ErrNewer if it must not even write to
	// the state database. It is asked before each job. Defaults to a process that is
	// always fit.
	Fit func(context.Context) error

	// History is how long an export is remembered after its end, or after that of
	// its files. Defaults to DefaultHistory.
	History time.Duration

	// Location is the version of the recorded location that Bucket and Source belong
	// to, or 0 if none is recorded.
	Location int

	// Logger gets what an operator should know. Defaults to slog's.
	Logger *slog.Logger

	// MaxAge is how long an export, and with it its snapshot, may live, counted
	// from the kick-off.
	MaxAge time.Duration

	// MaxFileBytes is how much ndjson, before compression, one file holds at
	// most. Only a resource that alone is larger makes a file larger.
	MaxFileBytes int64

	// OutageLimit is how long an export waits for something that is away, or for
	// a worker that can do its jobs, before it fails.
	OutageLimit time.Duration

	// PartBytes is how much of a table, in bytes on disk, is one part at most.
	PartBytes int64

	// Registry gets the worker's metrics, if it is not nil.
	Registry prometheus.Registerer

	// Retention is how long the files of a completed export stay.
	Retention time.Duration

	// Slots bounds how many parts this process reads at the same time.
	Slots int

	// Source is the database of the FHIR tables.
	Source *source.Source

	// StopTimeout is how long running parts may go on when the worker stops.
	// What is not done by then is given back. Defaults to DefaultStopTimeout.
	StopTimeout time.Duration

	// Window bounds the parts of one export that are queued or running. Defaults
	// to jobs.DefaultWindow.
	Window int
}

func (c Config) withDefaults() Config {
	c.Exports = cmp.Or(c.Exports, DefaultExports)
	if c.Fit == nil {
		c.Fit = func(context.Context) error { return nil }
	}
	c.History = cmp.Or(c.History, DefaultHistory)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	c.StopTimeout = cmp.Or(c.StopTimeout, DefaultStopTimeout)
	c.Window = cmp.Or(c.Window, jobs.DefaultWindow)
	return c
}

// Worker does the jobs of exports until it is stopped.
type Worker struct {
	config  Config
	fitness *fitness
	metrics *metrics
	store   *jobs.Store
}

// New prepares a Worker. It does nothing before Run.
func New(cfg Config) (*Worker, error) {
	cfg = cfg.withDefaults()
	store, err := jobs.New(cfg.Database, jobs.Config{Location: cfg.Location, Window: cfg.Window})
	if err != nil {
		return nil, err
	}

	metric := newMetrics(cfg.Registry)
	return &Worker{config: cfg, fitness: newFitness(cfg, metric, store), metrics: metric, store: store}, nil
}

// newClient returns a client of River that takes jobs. It can be started once.
func (w *Worker) newClient() (*river.Client[pgx.Tx], error) {
	cfg, store := w.config, w.store
	gate := &gate{fit: cfg.Fit, logger: cfg.Logger, unfit: w.fitness.fail}
	workers := river.NewWorkers()
	river.AddWorker(workers, &exportWorker{config: cfg, gate: gate, store: store})
	river.AddWorker(workers, &partWorker{config: cfg, gate: gate, store: store})
	river.AddWorker(workers, &cleanupWorker{bucket: cfg.Bucket, store: store})
	river.AddWorker(workers, &expireWorker{store: store})
	river.AddWorker(workers, &sweepWorker{bucket: cfg.Bucket, history: cfg.History, store: store})

	client, err := river.NewClient(riverpgxv5.New(cfg.Database), &river.Config{
		ErrorHandler: &failures{logger: cfg.Logger, store: store},
		Hooks:        []rivertype.Hook{gate},
		JobTimeout:   jobs.ShortJobTimeout,
		Middleware: []rivertype.Middleware{
			&patience{limit: cfg.OutageLimit, logger: cfg.Logger, metric: w.metrics, source: cfg.Source, store: store, unfit: w.fitness.fail},
		},
		Logger:               newRiverLog(cfg.Logger),
		PeriodicJobs:         periodicJobs(),
		Queues:               queues(cfg),
		RescueStuckJobsAfter: never, // jobs.Store.Reclaim does that
		RetryPolicy:          retrySoon{clock: cfg.Clock},
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

// never is longer than any process lives.
const never = 100 * 365 * 24 * time.Hour

func queues(cfg Config) map[string]river.QueueConfig {
	// A part of a small table takes milliseconds. River would by default look
	// for the next one only ten times a second.
	const cooldown = 5 * time.Millisecond
	return map[string]river.QueueConfig{
		jobs.QueueExport:  {MaxWorkers: cfg.Exports, FetchCooldown: cooldown},
		jobs.QueuePart:    {MaxWorkers: cfg.Slots, FetchCooldown: cooldown},
		jobs.QueueCleanup: {MaxWorkers: 1},
	}
}

// Run works until ctx ends; then it takes no more jobs, lets the running ones
// go on for a while, gives back the rest, and returns. The same happens when the
// process turns out to be unfit for its jobs; then it begins again when it is fit.
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
		w.fitness.await(ctx)
		if err := w.work(ctx); err != nil {
			return err
		}
	}
	return nil
}

// work takes jobs until ctx ends or the process becomes unfit.
func (w *Worker) work(ctx context.Context) error {
	client, err := w.newClient()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := client.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it began
		}
		return fmt.Errorf("worker: %w", err)
	}
	lost, _ := w.fitness.state()
	select {
	case <-ctx.Done():
	case <-lost:
		cancel()
	}
	<-client.Stopped()
	return nil
}
