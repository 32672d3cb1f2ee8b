package overview

import (
	"time"

	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/jobs"
)

// Summary is the state and progress of one export.
type Summary struct {
	ID       uuid.UUID  `json:"id"`
	ClientID string     `json:"client"`
	State    jobs.State `json:"state"`

	// Level is system, patient or group.
	Level string `json:"level"`

	// Tables reports whether it is an export of tables ($sql-export).
	Tables bool `json:"tables"`

	CreatedAt time.Time `json:"createdAt"`

	// StartedAt is when a worker first took the export. Exports that a version without
	// this record has started have none; the same holds for SnapshotAt and PlannedAt.
	StartedAt *time.Time `json:"startedAt,omitempty"`

	// SnapshotAt is when the current generation began. Its snapshot is at most that old.
	SnapshotAt *time.Time `json:"snapshotAt,omitempty"`

	// PlannedAt is when reading began.
	PlannedAt *time.Time `json:"plannedAt,omitempty"`

	// ProgressAt is when the export last made progress: read bytes, completed a part, or
	// was planned or completed. It is nil before the export has started.
	ProgressAt *time.Time `json:"progressAt,omitempty"`

	// WaitingSince is set while the export waits for something that is unavailable.
	WaitingSince  *time.Time `json:"waitingSince,omitempty"`
	WaitingReason string     `json:"waitingReason,omitempty"`

	// FinishedAt is when the export completed, failed or was cancelled.
	FinishedAt *time.Time `json:"finishedAt,omitempty"`

	// ExpiresAt is when the files of a completed export are deleted.
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`

	// ObjectsDeletedAt is when the files were deleted.
	ObjectsDeletedAt *time.Time `json:"filesDeletedAt,omitempty"`

	// Generation is 1, and one more for each restart from a new snapshot; 0 before the
	// export has started.
	Generation int `json:"generation"`

	// Repairs is the number of times that files were written again because the object
	// store lost or changed them.
	Repairs int `json:"repairs"`

	PartsTotal  int `json:"partsTotal"`
	PartsQueued int `json:"partsQueued"` // have a job, or are done
	PartsDone   int `json:"partsDone"`

	// BytesPlanned is the size of what is read on disk, BytesRead what was read of it.
	BytesPlanned int64 `json:"bytesPlanned"`
	BytesRead    int64 `json:"bytesRead"`

	// FilesStored and BytesStored count the files in the bucket.
	FilesStored int   `json:"filesStored"`
	BytesStored int64 `json:"bytesStored"`

	Failure string `json:"failure,omitempty"`

	// ReadAt is the time of the database when the export was read. Ages are computed
	// with it.
	ReadAt time.Time `json:"readAt"`
}

// Restarts returns how often the export began again from a new snapshot.
func (s Summary) Restarts() int { return max(s.Generation-1, 0) }

// Percent returns how much of the export was read.
func (s Summary) Percent() int {
	switch {
	case s.State == jobs.Completed || s.State == jobs.Expired:
		return 100
	case s.BytesPlanned > 0:
		return int(100 * s.BytesRead / s.BytesPlanned)
	case s.PartsTotal > 0:
		return 100 * s.PartsDone / s.PartsTotal
	}
	return 0
}

// progressSQL is when a running export last made progress. A process of a version that
// does not record progress only renews leases, so that a lease counts as progress.
const progressSQL = `
greatest(
    coalesce(e.progress_at, CASE WHEN e.state = 'running' THEN e.lease_until - interval '20 s' END),
    (SELECT max(coalesce(p.progress_at, p.lease_until - interval '20 s')) FROM sluice.part p WHERE p.export_id = e.id AND p.state = 'running'))`

// bytesReadSQL is how much of an export was read, as in jobs.Export.
const bytesReadSQL = `
e.bytes_done + (SELECT coalesce(sum(least(p.bytes_read, p.bytes_planned)), 0)::bigint
                FROM sluice.part p WHERE p.export_id = e.id AND p.state = 'running')`

// levelSQL is the level as the index export_listed has it.
const levelSQL = `coalesce(e.request->>'level', '')`

// summarySQL selects the columns of Summary from sluice.export e.
const summarySQL = `
SELECT e.id, e.client_id, e.state, coalesce(nullif(e.request->>'level', ''), 'system'), e.request ? 'tables',
    e.created_at, e.started_at, e.snapshot_at, e.planned_at, ` + progressSQL + `,
    e.waiting_since, coalesce(e.waiting_reason, ''), e.finished_at, e.expires_at, e.objects_deleted_at,
    e.generation, e.repairs, e.parts_total, e.parts_queued, e.parts_done,
    e.bytes_planned, ` + bytesReadSQL + `, e.files_stored, e.bytes_stored, coalesce(e.failure, ''), clock_timestamp()
FROM sluice.export e`
