package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/jobs/journal"
	"github.com/seed-90096f4d/sluice/jobs/stateclock"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/form"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/telemetry"
	"github.com/seed-90096f4d/sluice/telemetry/trace"
)

// service is what the API and the worker of a process share.
type service struct {
	admin    net.Listener // nil if there is none
	logger   *slog.Logger
	alive    func() error // nil without a worker
	checks   []telemetry.Check
	ready    *telemetry.Readiness // with the checks, once it runs
	registry *prometheus.Registry
	journal  *journal.Journal
	tracing  *trace.Provider // nil if there is none

	clientResources *prometheus.CounterVec // nil unless there are metrics by client

	state  *pgxpool.Pool
	clock  *stateclock.Clock // of the state database
	source *source.Source
	bucket *storage.Bucket

	mappings []catalog.Mapping
	location int // version of the recorded location that source and bucket belong to
}

// openService opens the databases, the bucket and the admin listener, and checks them.
// readers is the maximum of concurrent dumps and parts, spares the number of further
// connections for large dumps. tracing is nil if there is none.
func openService(ctx context.Context, logger *slog.Logger, tracing *trace.Provider, settings *serverSettings, readers, spares int) (*service, error) {
	registry := telemetry.NewRegistry(currentVersion())
	logger = slog.New(telemetry.CountMessages(registry, logger.Handler()))
	bucket, err := settings.open(registry)
	if err != nil {
		return nil, err
	}
	state, err := settings.stateSettings.open(ctx, tracing)
	if err != nil {
		return nil, err
	}
	from, err := settings.sourceSettings.open(ctx, tracing, readers, spares, func(d form.Decision) { reportForm(ctx, logger, d) })
	if err != nil {
		state.Close()
		return nil, err
	}
	s := &service{logger: logger, state: state, source: from, bucket: bucket, mappings: settings.Tables, registry: registry, tracing: tracing}
	s.journal = journal.New(logger, s.registry)
	s.clock = stateclock.New(state)
	s.registerMetrics(settings.MetricsClients)
	s.checks = []telemetry.Check{
		{Name: "database", Do: func(ctx context.Context) error { return pingState(ctx, state) }},
		{Name: "migrations", Do: s.checkMigrations},
		{Name: "location", Do: s.checkLocation},
		{Name: "source", Do: from.Ping},
		{Name: "tables", Do: from.CheckTables},
		{Name: "bucket", Do: bucket.Check},
	}
	err = s.check(ctx)
	if err == nil {
		s.admin, err = settings.listenAdmin(ctx)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// check returns an error for settings that cannot work. An object store that cannot be
// reached is only logged: dumps do not need it.
func (s *service) check(ctx context.Context) error {
	if err := s.checkMigrations(ctx); err != nil {
		return err
	}
	if err := s.source.Ping(ctx); errors.Is(err, source.ErrFormUnavailable) {
		return fmt.Errorf("%s: %w", setting("jsonb"), err)
	} else if err != nil {
		return fmt.Errorf("%s: %w", setting("source-url"), err)
	}
	if err := s.claimLocation(ctx); err != nil {
		return err
	}
	s.reportTables(ctx)
	if err := s.bucket.Check(ctx); err != nil {
		s.logger.WarnContext(ctx, "object store unavailable: exports will wait for it", "error", err)
	}
	return nil
}

// reportForm logs the form in which resources are read, and how they could be read faster.
func reportForm(ctx context.Context, logger *slog.Logger, d form.Decision) {
	var attributes []any
	if d.Reason != "" {
		attributes = append(attributes, "reason", d.Reason)
	}
	if d.NoCast {
		attributes = append(attributes, "remedy", form.CreateCast+", run by a superuser in the source database, makes reading several times as fast")
	}
	logger.InfoContext(ctx, "form of jsonb chosen", append([]any{"form", d.String()}, attributes...)...)
}

func (s *service) close() {
	if s.admin != nil {
		_ = s.admin.Close() // already closed if it was served
	}
	s.source.Close()
	s.state.Close()
	s.bucket.Close()
}

// run runs the parts of the process and the admin listener until ctx ends or one of them
// returns.
func (s *service) run(ctx context.Context, parts ...func(context.Context) error) error {
	s.ready = telemetry.NewReadiness(s.logger, s.checks...)
	s.ready.Describe("jsonb", func() string { return s.source.Form().String() })
	group, ctx := errgroup.WithContext(ctx)
	if s.admin != nil {
		admin := &telemetry.Admin{Alive: s.alive, Logger: s.logger, Ready: s.ready, Registry: s.registry}
		parts = append(parts, func(ctx context.Context) error { return admin.Serve(ctx, s.admin) })
		s.logger.InfoContext(ctx, "admin listener started", "address", s.admin.Addr().String())
	}
	group.Go(func() error { s.clock.Watch(ctx, s.logger); return nil })
	for _, part := range parts {
		group.Go(func() error { return part(ctx) })
	}
	return group.Wait()
}
