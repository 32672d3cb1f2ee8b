package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/auth/smart"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/overview"
	"github.com/seed-90096f4d/sluice/jobs/overview/gauges"
	"github.com/seed-90096f4d/sluice/limit/memory"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/telemetry"
	"github.com/seed-90096f4d/sluice/telemetry/trace"
	"github.com/seed-90096f4d/sluice/view/store"
	"github.com/seed-90096f4d/sluice/worker"
)

// serverSettings are the settings of every server.
type serverSettings struct {
	databases
	storageSettings
	processSettings
}

// Validate validates each group.
func (s *serverSettings) Validate() error {
	return validate(&s.databases, &s.storageSettings, &s.processSettings)
}

type serveCommand struct {
	serverSettings
	apiSettings
	workSettings `group:"work"`
}

// Validate validates each group.
func (cmd *serveCommand) Validate() error {
	return validate(&cmd.serverSettings, &cmd.apiSettings, &cmd.workSettings)
}

// Run runs the API and a worker. When one ends, the other is stopped.
func (cmd *serveCommand) Run(ctx context.Context, root *cli, out *output) error {
	return cmd.run(ctx, root, out, &cmd.apiSettings, &cmd.workSettings)
}

type apiCommand struct {
	serverSettings
	apiSettings
}

// Validate validates each group.
func (cmd *apiCommand) Validate() error { return validate(&cmd.serverSettings, &cmd.apiSettings) }

// Run runs the API.
func (cmd *apiCommand) Run(ctx context.Context, root *cli, out *output) error {
	return cmd.run(ctx, root, out, &cmd.apiSettings, nil)
}

type workerCommand struct {
	serverSettings
	workSettings `group:"work"`
}

// Validate validates each group.
func (cmd *workerCommand) Validate() error { return validate(&cmd.serverSettings, &cmd.workSettings) }

// Run runs a worker.
func (cmd *workerCommand) Run(ctx context.Context, root *cli, out *output) error {
	return cmd.run(ctx, root, out, nil, &cmd.workSettings)
}

// run runs a process with the API, a worker or both; the settings of a part that it does
// not have are nil.
func (s *serverSettings) run(ctx context.Context, root *cli, out *output, forAPI *apiSettings, forWorker *workSettings) error {
	var readers, spares, shares int
	if forAPI != nil {
		readers, spares, shares = forAPI.MaxDumps, forAPI.spareReaders(), 1
	}
	if forWorker != nil {
		readers, shares = readers+forWorker.slots(), shares+forWorker.slots()
	}
	setMemoryLimit(shares)
	logger, audit := root.Log.logger(out), root.Log.audit(out)
	tracing, err := trace.Setup(ctx, logger, currentVersion())
	if err != nil {
		return err
	}
	defer stopTracing(ctx, logger, tracing, s.ShutdownTimeout)
	logger, audit = tracing.Logger(logger), tracing.Logger(audit)
	process, err := openService(ctx, logger, tracing, s, readers, spares)
	if err != nil {
		return err
	}
	defer process.close()

	var parts []func(context.Context) error
	if forAPI != nil {
		listener, err := listen(ctx, "listen", forAPI.Listen)
		if err != nil {
			return err
		}
		parts = append(parts, func(ctx context.Context) error {
			return process.runAPI(ctx, listener, audit, forAPI, &s.processSettings)
		})
	}
	if forWorker != nil {
		w, err := process.newWorker(ctx, forWorker, s.SourceCommitMargin, s.ShutdownTimeout)
		if err != nil {
			return err
		}
		parts = append(parts, w.Run)
	}
	return process.run(ctx, parts...)
}

// flushTimeout bounds the time to send the last spans when a process stops.
const flushTimeout = 5 * time.Second

// stopTracing sends the last spans of a process that has stopped.
func stopTracing(ctx context.Context, logger *slog.Logger, tracing *trace.Provider, shutdownTimeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(shutdownTimeout, flushTimeout))
	defer cancel()
	if err := tracing.Shutdown(ctx); err != nil {
		logger.WarnContext(ctx, "could not send traces", "error", err)
	}
}

// runAPI serves the API until ctx ends.
func (s *service) runAPI(ctx context.Context, listener net.Listener, audit *slog.Logger, settings *apiSettings, process *processSettings) error {
	exports, err := jobs.New(s.state, jobs.Config{
		MaxExportsPerClient:       settings.MaxExportsPerClient,
		MaxStoredBytesPerClient:   int64(settings.MaxStoredBytesPerClient),
		MaxStoredExportsPerClient: settings.MaxStoredExportsPerClient,
		Location:                  s.location,
		Observe:                   s.observe,
		ReuseRunning:              settings.ReuseRunningExports,
		MaxExports:                settings.MaxExports,
	})
	if err != nil {
		return err
	}
	gauges.Register(s.registry, s.logger, overview.New(s.state), process.MetricsClients)
	clients := auth.NewClients(s.state)
	tokens := smart.NewTokens(s.state, clients, smart.Config{
		AllowInsecureJWKS: settings.JWKSAllowInsecure,
		Registry:          s.registry,
		TTL:               tokenTTL,
	})
	tlsConfig, err := settings.tls(s.logger, s.registry)
	if err != nil {
		return err
	}
	s.logger.InfoContext(ctx, "API started", "address", listener.Addr().String(), "version", currentVersion())
	var auditBucket *storage.Bucket
	if settings.AuditEvents {
		auditBucket = s.bucket
	}
	return api.New(api.Config{
		Audit:                  audit,
		AuditBucket:            auditBucket,
		BaseURL:                settings.BaseURL,
		Bucket:                 s.bucket,
		ClientDumps:            dumpsPerMinute,
		ClientKickOffs:         kickOffsPerMinute,
		ClientRequests:         settings.ClientRequestsPerMinute,
		ClientResources:        s.clientResources,
		Clients:                clients,
		CORSOrigins:            settings.CORSOrigins,
		ShutdownTimeout:        process.ShutdownTimeout,
		Dumps:                  settings.MaxDumps,
		Exports:                exports,
		LoginFailuresPerMinute: settings.LoginFailuresPerMinute,
		ProxyFiles:             settings.FileAccess == "proxied",
		LinkTTL:                settings.LinkTTL,
		Logger:                 s.logger,
		NoMetrics:              s.admin != nil,
		Proxies:                settings.TrustedProxies,
		Ready:                  s.ready,
		Registry:               s.registry,
		ResourceTypes:          fhir.R4().ResourceTypes(),
		Source:                 s.source,
		Style:                  settings.style(),
		TLS:                    tlsConfig,
		Tokens:                 tokens,
		Tracer:                 s.tracing.Tracer(),
		Version:                currentVersion(),
		Views:                  store.New(s.state),
	}).Serve(ctx, listener)
}

// newWorker returns the worker of the process and adds it to the readiness.
func (s *service) newWorker(ctx context.Context, settings *workSettings, margin, shutdownTimeout time.Duration) (*worker.Worker, error) {
	if err := s.reportCommitMargin(ctx, margin); err != nil {
		return nil, err
	}
	w, err := worker.New(worker.Config{
		Bucket:        s.bucket,
		Check:         (&preflight{service: s}).check,
		Clock:         s.clock,
		Database:      s.state,
		Exports:       maxSnapshots,
		History:       recordRetention,
		Location:      s.location,
		Logger:        s.logger,
		ExportTimeout: settings.ExportTimeout,
		MaxFileBytes:  int64(settings.MaxFileSize),
		Observe:       s.observe,
		OutageLimit:   settings.OutageLimit,
		PartBytes:     int64(settings.PartSize),
		Registry:      s.registry,
		Retention:     settings.FileRetention,
		Slots:         settings.slots(),
		Source:        s.source,
		StopTimeout:   min(shutdownTimeout, partShutdownTimeout),
		Tracer:        s.tracing.Tracer(),
		Version:       currentVersion(),
		Window:        settings.ExportWindow,
	})
	if err != nil {
		return nil, err
	}
	s.alive = w.Alive
	s.checks = append(s.checks, telemetry.Check{Name: "worker", Do: w.Ready})
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
		memory.Set(int64(shares) * memoryShare)
	}
}
