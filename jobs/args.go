package jobs

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
)

// Schema is the schema of River's tables. Programs that use River elect one leader
// for each schema, and only the leader inserts periodic jobs: in a schema that another
// program uses, exports might never expire.
const Schema = "sluice"

// The queues. Exports wait most of the time and parts work, so the one does not
// take slots from the other; cleaning up waits for neither.
const (
	QueueExport  = "sluice_export"
	QueuePart    = "sluice_part"
	QueueCleanup = "sluice_cleanup"
)

// Format is the version of what processes leave for each other in the state
// database: requests, plans and jobs. Raise it when a process of the version before
// would misread what this one writes. A process leaves alone what requires a newer
// one. A new kind of job needs a queue of its own, since River gives older processes
// the jobs of the queues they know.
const Format = 1

// How often a job is tried before its export fails. A part whose snapshot died
// with its holder fails until the export is begun anew, which can take as long
// as the holder's lease: one attempt more takes it past that.
const (
	exportAttempts = 5
	partAttempts   = 6
)

// cleanupAttempts is large: what is left in a bucket holds patient data.
const cleanupAttempts = 500

// ExportArgs is the job that carries an export from its snapshot to its
// manifest.
type ExportArgs struct {
	ExportID uuid.UUID `json:"export_id"`
	Requires int       `json:"requires"` // a Format
}

// Kind names the job to River.
func (ExportArgs) Kind() string { return "sluice_export" }

// InsertOpts says where and how often the job is tried.
func (ExportArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueExport, MaxAttempts: exportAttempts}
}

// PartArgs is the job that reads one part into objects.
type PartArgs struct {
	ExportID   uuid.UUID `json:"export_id"`
	Generation int       `json:"generation"`
	Number     int       `json:"number"`
	Requires   int       `json:"requires"` // a Format
}

// Kind names the job to River.
func (PartArgs) Kind() string { return "sluice_part" }

// InsertOpts says where and how often the job is tried.
func (PartArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueuePart, MaxAttempts: partAttempts}
}

// CleanupArgs is the job that removes what an export has stored.
type CleanupArgs struct {
	ExportID uuid.UUID `json:"export_id"`
}

// Kind names the job to River.
func (CleanupArgs) Kind() string { return "sluice_cleanup" }

// InsertOpts says where and how often the job is tried.
func (CleanupArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: QueueCleanup, MaxAttempts: cleanupAttempts}
}

// ExpireArgs is the periodic job that ends the life of old exports.
type ExpireArgs struct{}

// Kind names the job to River.
func (ExpireArgs) Kind() string { return "sluice_expire" }

// InsertOpts makes a run that is due while one waits the same run.
func (ExpireArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{
		Queue:       QueueCleanup,
		MaxAttempts: 1, // the next period tries again
		UniqueOpts:  river.UniqueOpts{ByPeriod: ExpireEvery},
	}
}

// CheckRequired returns ErrNewer if a job, whatever its kind, requires a newer Format
// than this process has.
func CheckRequired(encodedArgs []byte) error {
	var args struct {
		Requires int `json:"requires"`
	}
	if err := json.Unmarshal(encodedArgs, &args); err != nil {
		return fmt.Errorf("jobs: read what the job requires: %w", err)
	}
	if args.Requires > Format {
		return fmt.Errorf("%w: it requires format %d, and this process has %d", ErrNewer, args.Requires, Format)
	}
	return nil
}

// ExpireEvery is the period of ExpireArgs.
const ExpireEvery = time.Minute
