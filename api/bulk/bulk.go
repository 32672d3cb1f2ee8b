// Package bulk serves bulk exports: kick-off, status, manifest and cancellation (HL7
// FHIR Bulk Data Access 3.0.0).
//
// It records exports for the workers and shows what they have written. It must not
// know how exports are executed.
package bulk

import (
	"log/slog"

	"github.com/seed-90096f4d/sluice/api/delivery"
	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
)

// StatusPath is the path of the status of exports. An export's id follows.
const StatusPath = "/fhir/$export-status/"

// Config configures Exports.
type Config struct {
	// Bodies reads the bodies of requests.
	Bodies *endpoint.Bodies

	// Delivery records exports and serves their files.
	Delivery *delivery.Exports

	// Logger gets failures that do not fail the request.
	Logger *slog.Logger

	// Source is the database of the FHIR tables.
	Source *source.Source

	// Store has the files of exports.
	Store *jobs.Store

	// Style adjusts the format of resources.
	Style fhir.Style

	// Types are the resource types of FHIR.
	Types endpoint.ResourceTypes
}

// Exports answers requests for exports.
type Exports struct {
	config Config
	tables *tables
}

// New returns the endpoints for exports.
func New(cfg Config) *Exports {
	cfg.Style.VersionIDAsString = true
	return &Exports{config: cfg, tables: &tables{source: cfg.Source, types: cfg.Types, logger: cfg.Logger}}
}
