// Package sql serves SQL on FHIR (3.0.0-ballot): stored ViewDefinitions, $sql-run, which
// streams the rows of a view while the database is read, and $sql-export, which starts
// an export of tables and shows its result.
//
// It must not know how views are evaluated or written, nor how exports are executed.
package sql

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-90096f4d/sluice/api/delivery"
	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/view/store"
)

// Paths of the endpoints. Below Path are the ViewDefinitions, and below ExportPath, with
// the id of an export, its status and result.
const (
	Path       = "/fhir/" + auth.ViewDefinition
	RunPath    = "/fhir/$sql-run"
	ExportPath = "/fhir/$sql-export"
)

// The paths of the older operations, by system, type and instance.
var (
	OlderRunPaths = []string{
		"/fhir/$viewdefinition-run", Path + "/$viewdefinition-run", Path + "/:id/$viewdefinition-run",
		Path + "/$run", Path + "/:id/$run",
	}
	OlderExportPaths = []string{"/fhir/$viewdefinition-export", Path + "/$viewdefinition-export"}
)

// Config configures Views.
type Config struct {
	// Bodies reads the bodies of requests.
	Bodies *endpoint.Bodies

	// Definitions are the stored ViewDefinitions.
	Definitions *store.Store

	// Delivery records exports and serves their files.
	Delivery *delivery.Exports

	// Exports has the files of exports.
	Exports *jobs.Store

	// Registry gets the metrics.
	Registry *prometheus.Registry

	// Source is the database of the FHIR tables.
	Source *source.Source

	// Streams limits the runs of views, together with dumps.
	Streams *endpoint.Streams

	// Style adjusts the format of resources.
	Style fhir.Style

	// Types are the resource types of FHIR.
	Types endpoint.ResourceTypes

	// Version is the version of the software, for the footer of Parquet.
	Version string
}

// Views answers requests for ViewDefinitions and their rows.
type Views struct {
	config  Config
	metrics *metrics
}

// New returns the endpoints for views.
func New(cfg Config) *Views {
	cfg.Style.VersionIDAsString = true
	return &Views{config: cfg, metrics: newMetrics(cfg.Registry)}
}
