// Package delivery holds what every kind of export shares: the rate limits and the
// record of a kick-off, the client's own export, its progress and end, and its files.
//
// It must not know what a kick-off asks for, nor the documents that list files.
package delivery

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/limit"
	"github.com/seed-90096f4d/sluice/storage"
)

// FilesPath is the path of the files. An export's id and the name of a file follow.
const FilesPath = "/fhir/$export-files/"

// Config configures Exports.
type Config struct {
	// Bucket holds the files.
	Bucket *storage.Bucket

	// ProxyFiles serves files through Sluice, with the client's credentials,
	// instead of signed links to the object store.
	ProxyFiles bool

	// KickOffsPerMinute is the maximum number of kick-offs per minute and client.
	// 0 means no limit.
	KickOffsPerMinute int

	// LinkTTL is how long a signed link is valid.
	LinkTTL time.Duration

	// Registry, if set, gets the metrics of downloads.
	Registry prometheus.Registerer

	// Store records exports.
	Store *jobs.Store

	// Types are the resource types of FHIR.
	Types endpoint.ResourceTypes
}

// Exports are the exports of all kinds.
type Exports struct {
	config      Config
	kickOffRate *limit.RateLimiter // by client
	pollRate    *limit.RateLimiter // by client and export
	metrics     *metrics
}

// New returns the exports that a store records.
func New(cfg Config) *Exports {
	return &Exports{
		config:      cfg,
		kickOffRate: limit.NewPerMinute(cfg.KickOffsPerMinute),
		pollRate:    limit.New(pollsPerSecond, pollBurst),
		metrics:     newMetrics(cfg.Registry),
	}
}
