// Package bulk serves bulk exports: kick-off, status, manifest, files and
// cancellation (HL7 FHIR Bulk Data Access 3.0.0).
//
// It records exports for the workers and shows what they have written. It must not
// know how exports are executed.
package bulk

import (
	"log/slog"
	"time"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/limit"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/storage"
)

// Paths of the endpoints. An export's status and files follow with its id.
const (
	StatusPath = "/fhir/$export-status/"
	FilesPath  = "/fhir/$export-files/"
)

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

	// Logger gets failures that do not fail the request.
	Logger *slog.Logger

	// Source is the database of the FHIR tables.
	Source *source.Source

	// Store records exports.
	Store *jobs.Store

	// Style adjusts the format of resources.
	Style fhir.Style

	// Types are the resource types of FHIR.
	Types endpoint.ResourceTypes
}

// Exports answers requests for exports.
type Exports struct {
	config      Config
	largeBodies *limit.Semaphore
	kickOffRate *limit.RateLimiter // by client
	pollRate    *limit.RateLimiter // by client and export
	tables      *tables
}

// New returns the endpoints for exports.
func New(cfg Config) *Exports {
	cfg.Style.VersionIDAsString = true
	return &Exports{
		config:      cfg,
		largeBodies: limit.NewSemaphore(maxLargeBodies, maxLargeBodiesPerClient),
		kickOffRate: limit.NewPerMinute(cfg.KickOffsPerMinute),
		pollRate:    limit.New(pollsPerSecond, pollBurst),
		tables:      &tables{source: cfg.Source, types: cfg.Types, logger: cfg.Logger},
	}
}
