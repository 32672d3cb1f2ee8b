package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/auth/smart"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/telemetry"
	"github.com/seed-90096f4d/sluice/worker"
)

type migrateCommand struct{ stateDatabase }

// Run applies the migrations that are missing.
func (cmd *migrateCommand) Run(ctx context.Context, out *output) error {
	pool, err := cmd.openWith(ctx, migrateSession)
	if err != nil {
		return err
	}
	defer pool.Close()

	applied, err := migrations.Up(ctx, pool)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out.stdout, "%d migrations applied\n", applied)
	return err
}

// service is what the API and the worker both stand on.
type service struct {
	admin    net.Listener // nil if there is none
	logger   *slog.Logger
	ready    *telemetry.Readiness
	registry *prometheus.Registry

	state  *pgxpool.Pool
	clock  *jobs.Clock // of the state database
	source *source.Source
	bucket *storage.Bucket

	mappings []catalog.Mapping

	location int // the version of the recorded one, which source and bucket are
}

// openService opens all of it. readers is how many connections to the source the
// process needs at most, spares how many more it can make use of.
func openService(ctx context.Context, logger *slog.Logger, db *databases, store *storageSettings, admin *adminSettings, readers, spares int) (*service, error) {
	if err := db.suffices(readers); err != nil {
		return nil, err
	}
	bucket, err := store.open()
	if err != nil {
		return nil, err
	}
	state, err := db.stateSettings.open(ctx)
	if err != nil {
		return nil, err
	}
	from, err := db.sourceSettings.open(ctx, readers, spares)
	if err != nil {
		state.Close()
		return nil, err
	}
	s := &service{logger: logger, state: state, source: from, bucket: bucket, mappings: db.mappings(), registry: telemetry.NewRegistry()}
	s.clock = jobs.NewClock(state)
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sluice_state_clock_offset_seconds",
		Help: "How far the clock of the state database is ahead of this process's.",
	}, func() float64 { return s.clock.Offset().Seconds() }))
	s.ready = telemetry.NewReadiness(logger, s.checks()...)
	err = s.check(ctx)
	if err == nil {
		s.admin, err = admin.listenAdmin(ctx)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// check finds wrong settings before the first client does. An object store that
// is away for a moment is no reason not to start: dumps need none.
func (s *service) check(ctx context.Context) error {
	if err := s.checkMigrations(ctx); err != nil {
		return err
	}
	if err := s.source.Ping(ctx); err != nil {
		return fmt.Errorf("SLUICE_SOURCE_URL: %w", err)
	}
	if err := s.claimLocation(ctx); err != nil {
		return err
	}
	s.reportTables(ctx)
	if err := s.bucket.Check(ctx); err != nil {
		s.logger.WarnContext(ctx, "exports will wait for the object store", "error", err)
	}
	return nil
}

func (s *service) close() {
	if s.admin != nil {
		_ = s.admin.Close() // closed already where it was served
	}
	s.source.Close()
	s.state.Close()
	s.bucket.Close()
}

// run runs the parts of the process, and the admin listener beside them, until
// ctx ends or one of them does.
func (s *service) run(ctx context.Context, parts ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	if s.admin != nil {
		admin := &telemetry.Admin{Logger: s.logger, Ready: s.ready, Registry: s.registry}
		parts = append(parts, func(ctx context.Context) error { return admin.Serve(ctx, s.admin) })
		s.logger.InfoContext(ctx, "admin listener", "address", s.admin.Addr().String())
	}
	group.Go(func() error { s.clock.Watch(ctx, s.logger); return nil })
	for _, part := range parts {
		group.Go(func() error { return part(ctx) })
	}
	return group.Wait()
}

// runAPI answers requests until ctx ends.
func (s *service) runAPI(ctx context.Context, listener net.Listener, audit *slog.Logger, settings apiSettings) error {
	exports, err := jobs.New(s.state, jobs.Config{
		ClientExports:       settings.ClientExports,
		ClientStoredBytes:   int64(settings.ClientStoredBytes),
		ClientStoredExports: settings.ClientStoredExports,
		Location:            s.location,
		ReuseRunning:        settings.ReuseExports,
		TotalExports:        settings.TotalExports,
	})
	if err != nil {
		return err
	}
	clients := auth.NewClients(s.state)
	tokens, err := smart.NewTokens(s.state, clients, smart.Config{
		Algorithms:        settings.TokenAlgorithms,
		AllowInsecureJWKS: settings.KeysAnywhere,
		TTL:               settings.TokenLife,
	})
	if err != nil {
		return err
	}
	tlsConfig, err := settings.tls(s.logger)
	if err != nil {
		return err
	}
	s.logger.InfoContext(ctx, "answering requests", "address", listener.Addr().String(), "version", currentVersion())
	var auditBucket *storage.Bucket
	if settings.AuditEvents {
		auditBucket = s.bucket
	}
	return api.New(api.Config{
		Audit:          audit,
		AuditBucket:    auditBucket,
		BaseURL:        settings.BaseURL,
		Bucket:         s.bucket,
		ClientDumps:    settings.ClientDumps,
		ClientKickOffs: settings.ClientKickOffs,
		ClientRequests: settings.ClientRequests,
		Clients:        clients,
		CORSOrigins:    settings.CORSOrigins,
		DrainTimeout:   settings.DrainTimeout,
		Dumps:          settings.MaxDumps,
		Exports:        exports,
		Failures:       settings.Failures,
		GuardFiles:     settings.Files == "api",
		LinkLife:       settings.LinkLife,
		Logger:         s.logger,
		NoMetrics:      s.admin != nil,
		Proxies:        settings.proxies(),
		Ready:          s.ready,
		Registry:       s.registry,
		ResourceTypes:  fhir.R4().ResourceTypes(),
		Source:         s.source,
		StallTimeout:   settings.StallTimeout,
		Style:          settings.style(),
		TLS:            tlsConfig,
		Tokens:         tokens,
		Version:        currentVersion(),
	}).Serve(ctx, listener)
}

func (s *service) checks() []telemetry.Check {
	return []telemetry.Check{
		{Name: "database", Do: func(ctx context.Context) error { return pingState(ctx, s.state) }},
		{Name: "migrations", Do: s.checkMigrations},
		{Name: "location", Do: s.checkLocation},
		{Name: "source", Do: s.source.Ping},
		{Name: "tables", Do: s.source.CheckTables},
		{Name: "bucket", Do: s.bucket.Check},
	}
}

// tellMargin says whether, and why, exports will have an earlier transactionTime
// than they could, by how much, and what to do about it.
func (s *service) tellMargin(ctx context.Context, margin time.Duration) error {
	view, err := s.source.View(ctx)
	if err != nil {
		return fmt.Errorf("SLUICE_SOURCE_URL: %w", err)
	}
	setting := slog.String("SLUICE_SOURCE_COMMIT_MARGIN", margin.String())
	switch {
	case view.Standby:
		s.logger.InfoContext(ctx, "the source is a standby, which does not show the transactions that write: transactionTime is earlier by the margin, and a transaction that lasts longer can be missed by the next _since",
			"role", view.Role, setting)
	case view.Blind:
		s.logger.WarnContext(ctx, "the role does not see when transactions of others began: transactionTime is earlier by the margin, and a transaction that lasts longer can be missed by the next _since",
			"role", view.Role, setting, "remedy", "GRANT pg_read_all_stats TO "+pgx.Identifier{view.Role}.Sanitize())
	}
	return nil
}

// newWorker returns the worker of the process, which the readiness includes.
func (s *service) newWorker(ctx context.Context, settings workSettings, margin time.Duration) (*worker.Worker, error) {
	if err := s.tellMargin(ctx, margin); err != nil {
		return nil, err
	}
	fit := &fitness{checks: []func(context.Context) error{s.checkMigrations, s.checkLocation}}
	w, err := worker.New(worker.Config{
		Bucket:       s.bucket,
		Check:        fit.check,
		Clock:        s.clock,
		Database:     s.state,
		Exports:      settings.MaxExports,
		History:      settings.History,
		Location:     s.location,
		Logger:       s.logger,
		MaxAge:       settings.MaxAge,
		MaxFileBytes: int64(settings.MaxFileSize),
		OutageLimit:  settings.OutageLimit,
		PartBytes:    int64(settings.PartSize),
		Registry:     s.registry,
		Retention:    settings.Retention,
		Slots:        settings.slots(),
		Source:       s.source,
		StopTimeout:  settings.StopTimeout,
		Window:       settings.ExportWindow,
	})
	if err != nil {
		return nil, err
	}
	s.ready.Add(telemetry.Check{Name: "worker", Do: w.Ready})
	s.logger.InfoContext(ctx, "working off exports", "version", currentVersion())
	return w, nil
}

type serveCommand struct {
	databases
	storageSettings
	adminSettings
	apiSettings
	workSettings
}

// Run runs the API and the worker; when one ends, so does the other.
func (cmd *serveCommand) Run(ctx context.Context, root *cli, out *output) error {
	boundGarbage(1 + cmd.slots())
	s, err := openService(ctx, root.Log.logger(out), &cmd.databases, &cmd.storageSettings, &cmd.adminSettings, cmd.dumps()+cmd.slots(), cmd.spareReaders())
	if err != nil {
		return err
	}
	defer s.close()

	listener, err := cmd.listen(ctx)
	if err != nil {
		return err
	}
	w, err := s.newWorker(ctx, cmd.workSettings, cmd.SourceCommitMargin)
	if err != nil {
		return err
	}
	return s.run(ctx,
		func(ctx context.Context) error { return s.runAPI(ctx, listener, root.Log.audit(out), cmd.apiSettings) },
		w.Run,
	)
}

// Validate validates each group.
func (cmd *serveCommand) Validate() error {
	return validate(&cmd.databases, &cmd.storageSettings, &cmd.apiSettings, &cmd.workSettings)
}

type apiCommand struct {
	databases
	storageSettings
	adminSettings
	apiSettings
}

// Run runs the API.
func (cmd *apiCommand) Run(ctx context.Context, root *cli, out *output) error {
	boundGarbage(1)
	s, err := openService(ctx, root.Log.logger(out), &cmd.databases, &cmd.storageSettings, &cmd.adminSettings, cmd.dumps(), cmd.spareReaders())
	if err != nil {
		return err
	}
	defer s.close()
	listener, err := cmd.listen(ctx)
	if err != nil {
		return err
	}
	return s.run(ctx, func(ctx context.Context) error {
		return s.runAPI(ctx, listener, root.Log.audit(out), cmd.apiSettings)
	})
}

// Validate validates each group.
func (cmd *apiCommand) Validate() error {
	return validate(&cmd.databases, &cmd.storageSettings, &cmd.apiSettings)
}

type workerCommand struct {
	databases
	storageSettings
	adminSettings
	workSettings
}

// Run runs the worker.
func (cmd *workerCommand) Run(ctx context.Context, root *cli, out *output) error {
	boundGarbage(cmd.slots())
	s, err := openService(ctx, root.Log.logger(out), &cmd.databases, &cmd.storageSettings, &cmd.adminSettings, cmd.slots(), 0)
	if err != nil {
		return err
	}
	defer s.close()
	w, err := s.newWorker(ctx, cmd.workSettings, cmd.SourceCommitMargin)
	if err != nil {
		return err
	}
	return s.run(ctx, w.Run)
}

// Validate validates each group.
func (cmd *workerCommand) Validate() error {
	return validate(&cmd.databases, &cmd.storageSettings, &cmd.workSettings)
}
