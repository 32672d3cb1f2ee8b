package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/auth/smart"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/telemetry"
	"github.com/seed-90096f4d/sluice/worker"
)

type serveCommand struct {
	databases
	storageSettings
	processSettings
	apiSettings
	workSettings `group:"work"`
}

// Validate validates each group.
func (cmd *serveCommand) Validate() error {
	return validate(&cmd.databases, &cmd.storageSettings, &cmd.processSettings, &cmd.apiSettings, &cmd.workSettings)
}

// Run runs the API and a worker. When one ends, the other is stopped.
func (cmd *serveCommand) Run(ctx context.Context, root *cli, out *output) error {
	setMemoryLimit(1 + cmd.slots())
	s, err := openService(ctx, root.Log.logger(out), &cmd.databases, &cmd.storageSettings, &cmd.adminSettings, cmd.MaxDumps+cmd.slots(), cmd.spareReaders())
	if err != nil {
		return err
	}
	defer s.close()

	listener, err := cmd.listen(ctx)
	if err != nil {
		return err
	}
	w, err := s.newWorker(ctx, cmd.workSettings, cmd.SourceCommitMargin, cmd.ShutdownTimeout)
	if err != nil {
		return err
	}
	return s.run(ctx,
		func(ctx context.Context) error {
			return s.runAPI(ctx, listener, root.Log.audit(out), cmd.apiSettings, cmd.ShutdownTimeout)
		},
		w.Run,
	)
}

type apiCommand struct {
	databases
	storageSettings
	processSettings
	apiSettings
}

// Validate validates each group.
func (cmd *apiCommand) Validate() error {
	return validate(&cmd.databases, &cmd.storageSettings, &cmd.processSettings, &cmd.apiSettings)
}

// Run runs the API.
func (cmd *apiCommand) Run(ctx context.Context, root *cli, out *output) error {
	setMemoryLimit(1)
	s, err := openService(ctx, root.Log.logger(out), &cmd.databases, &cmd.storageSettings, &cmd.adminSettings, cmd.MaxDumps, cmd.spareReaders())
	if err != nil {
		return err
	}
	defer s.close()

	listener, err := cmd.listen(ctx)
	if err != nil {
		return err
	}
	return s.run(ctx, func(ctx context.Context) error {
		return s.runAPI(ctx, listener, root.Log.audit(out), cmd.apiSettings, cmd.ShutdownTimeout)
	})
}

type workerCommand struct {
	databases
	storageSettings
	processSettings
	workSettings `group:"work"`
}

// Validate validates each group.
func (cmd *workerCommand) Validate() error {
	return validate(&cmd.databases, &cmd.storageSettings, &cmd.processSettings, &cmd.workSettings)
}

// Run runs a worker.
func (cmd *workerCommand) Run(ctx context.Context, root *cli, out *output) error {
	setMemoryLimit(cmd.slots())
	s, err := openService(ctx, root.Log.logger(out), &cmd.databases, &cmd.storageSettings, &cmd.adminSettings, cmd.slots(), 0)
	if err != nil {
		return err
	}
	defer s.close()

	w, err := s.newWorker(ctx, cmd.workSettings, cmd.SourceCommitMargin, cmd.ShutdownTimeout)
	if err != nil {
		return err
	}
	return s.run(ctx, w.Run)
}

// runAPI serves the API until ctx ends.
func (s *service) runAPI(ctx context.Context, listener net.Listener, audit *slog.Logger, settings apiSettings, shutdownTimeout time.Duration) error {
	exports, err := jobs.New(s.state, jobs.Config{
		MaxExportsPerClient:       settings.MaxExportsPerClient,
		MaxStoredBytesPerClient:   int64(settings.MaxStoredBytesPerClient),
		MaxStoredExportsPerClient: settings.MaxStoredExportsPerClient,
		Location:                  s.location,
		ReuseRunning:              settings.ReuseRunningExports,
		MaxExports:                settings.MaxExports,
	})
	if err != nil {
		return err
	}
	clients := auth.NewClients(s.state)
	tokens := smart.NewTokens(s.state, clients, smart.Config{
		AllowInsecureJWKS: settings.JWKSAllowInsecure,
		TTL:               tokenTTL,
	})
	tlsConfig, err := settings.tls(s.logger)
	if err != nil {
		return err
	}
	s.logger.InfoContext(ctx, "API started", "address", listener.Addr().String(), "version", currentVersion())
	var auditBucket *storage.Bucket
	if settings.AuditEvents {
		auditBucket = s.bucket
	}
	return api.New(api.Config{
		Audit:          audit,
		AuditBucket:    auditBucket,
		BaseURL:        settings.BaseURL,
		Bucket:         s.bucket,
		ClientDumps:    dumpsPerMinute,
		ClientKickOffs: kickOffsPerMinute,
		ClientRequests: settings.ClientRequestsPerMinute,
		Clients:        clients,
		CORSOrigins:    settings.CORSOrigins,
		DrainTimeout:   shutdownTimeout,
		Dumps:          settings.MaxDumps,
		Exports:        exports,
		Failures:       settings.LoginFailuresPerMinute,
		GuardFiles:     settings.FileAccess == "proxied",
		LinkLife:       settings.LinkTTL,
		Logger:         s.logger,
		NoMetrics:      s.admin != nil,
		Proxies:        settings.proxies(),
		Ready:          s.ready,
		Registry:       s.registry,
		ResourceTypes:  fhir.R4().ResourceTypes(),
		Source:         s.source,
		Style:          settings.style(),
		TLS:            tlsConfig,
		Tokens:         tokens,
		Version:        currentVersion(),
	}).Serve(ctx, listener)
}

// newWorker returns the worker of the process and adds it to the readiness.
func (s *service) newWorker(ctx context.Context, settings workSettings, margin, shutdownTimeout time.Duration) (*worker.Worker, error) {
	if err := s.reportCommitMargin(ctx, margin); err != nil {
		return nil, err
	}
	before := &preflight{checks: []func(context.Context) error{s.checkMigrations, s.checkLocation}}
	w, err := worker.New(worker.Config{
		Bucket:       s.bucket,
		Check:        before.check,
		Clock:        s.clock,
		Database:     s.state,
		Exports:      maxSnapshots,
		History:      recordRetention,
		Location:     s.location,
		Logger:       s.logger,
		MaxAge:       settings.ExportTimeout,
		MaxFileBytes: int64(settings.MaxFileSize),
		OutageLimit:  settings.OutageLimit,
		PartBytes:    int64(settings.PartSize),
		Registry:     s.registry,
		Retention:    settings.FileRetention,
		Slots:        settings.slots(),
		Source:       s.source,
		StopTimeout:  min(shutdownTimeout, partShutdownTimeout),
		Window:       settings.ExportWindow,
	})
	if err != nil {
		return nil, err
	}
	s.ready.Add(telemetry.Check{Name: "worker", Do: w.Ready})
	s.logger.InfoContext(ctx, "worker started", "version", currentVersion())
	return w, nil
}

// reportCommitMargin logs whether, and why, exports get an earlier transactionTime than
// they could have.
func (s *service) reportCommitMargin(ctx context.Context, margin time.Duration) error {
	visibility, err := s.source.Visibility(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", setting("source-url"), err)
	}
	attributes := []any{"role", visibility.Role, "SLUICE_SOURCE_COMMIT_MARGIN", margin.String(),
		"consequence", "transactionTime is earlier by the margin; a transaction that lasts longer can be missed by the next _since"}
	switch {
	case visibility.Standby:
		s.logger.InfoContext(ctx, "commit margin applied", append(attributes, "reason", "the source is a standby, which does not show writing transactions")...)
	case visibility.Restricted:
		s.logger.WarnContext(ctx, "commit margin applied",
			append(attributes, "reason", "the role does not see when transactions of others began", "remedy", "GRANT pg_read_all_stats TO "+pgx.Identifier{visibility.Role}.Sanitize())...)
	}
	return nil
}

// memoryShare is the memory that Go may use, garbage included, for all dumps of an API,
// and for each slot of a worker: twice what a part needs, and enough for a resource of
// 5 MB. If more is in use, more is taken, and the garbage collector runs more often.
const memoryShare = 32 << 20

// setMemoryLimit limits the heap to a number of shares unless GOMEMLIMIT is set. Go's
// own target is twice the live heap.
func setMemoryLimit(shares int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(shares) * memoryShare)
	}
}
