// Package api is the HTTP server of Sluice: routing, authentication, limits,
// errors, $dump and the CapabilityStatement.
//
// A $dump is streamed while the database is read; exports and Groups are served by
// the packages below. The package must not know how rows become lines (ndjson) nor
// how exports are executed (worker).
package api

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-90096f4d/sluice/api/bulk"
	"github.com/seed-90096f4d/sluice/api/delivery"
	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/group"
	"github.com/seed-90096f4d/sluice/api/sql"
	"github.com/seed-90096f4d/sluice/audit"
	"github.com/seed-90096f4d/sluice/limit"
)

// API answers requests.
type API struct {
	config  Config
	audit   *audit.Recorder
	exports *delivery.Exports
	bulk    *bulk.Exports
	groups  *group.Groups
	views   *sql.Views

	streams     *endpoint.Streams   // dumps and runs of views
	logins      *limit.LoginLimiter // failed ones
	requestRate *limit.RateLimiter  // by client

	capabilities atomic.Pointer[capabilityDocument] // the last one: they are large
	metrics      *metrics
	running      sync.Map // the authenticated requests that are being answered, as *running
	started      time.Time
}

// New returns an API. Handler and Serve answer its requests.
func New(cfg Config) *API {
	cfg = cfg.withDefaults()
	bodies, streams := endpoint.NewBodies(), endpoint.NewStreams(cfg.Dumps, cfg.ClientDumps)
	exports := delivery.New(delivery.Config{
		Bucket:            cfg.Bucket,
		ProxyFiles:        cfg.ProxyFiles,
		KickOffsPerMinute: cfg.ClientKickOffs,
		LinkTTL:           cfg.LinkTTL,
		Registry:          cfg.Registry,
		Store:             cfg.Exports,
		Types:             cfg.ResourceTypes,
	})
	return &API{
		config:  cfg,
		audit:   audit.New(audit.Config{Events: cfg.Audit, Bucket: cfg.AuditBucket, Clients: cfg.Clients, Logger: cfg.Logger, Registry: cfg.Registry}),
		exports: exports,
		bulk: bulk.New(bulk.Config{
			Bodies:   bodies,
			Delivery: exports,
			Logger:   cfg.Logger,
			Source:   cfg.Source,
			Store:    cfg.Exports,
			Style:    cfg.Style,
			Types:    cfg.ResourceTypes,
		}),
		groups: group.New(cfg.Source, cfg.Style, cfg.ResourceTypes),
		views: sql.New(sql.Config{
			Bodies:      bodies,
			Definitions: cfg.Views,
			Delivery:    exports,
			Exports:     cfg.Exports,
			Registry:    cfg.Registry,
			Source:      cfg.Source,
			Streams:     streams,
			Style:       cfg.Style,
			Types:       cfg.ResourceTypes,
			Version:     cfg.Version,
		}),
		streams:     streams,
		metrics:     newMetrics(cfg.Registry, streams, cfg.Clients),
		logins:      limit.NewLoginLimiter(cfg.LoginFailuresPerMinute),
		requestRate: limit.NewPerMinute(cfg.ClientRequests),
		started:     time.Now(),
	}
}
