package jobs

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// EventKind is what happened to an export.
type EventKind string

// The kinds of events.
const (
	EventAccepted EventKind = "accepted"

	// EventStarted means that the export was planned under a snapshot. A restarted
	// export starts again.
	EventStarted EventKind = "started"

	// EventTakenOver means that another job attempt continues the export with the
	// snapshot or the finished parts that it had.
	EventTakenOver EventKind = "taken over"

	// EventRestarted means that the export has dropped its parts to begin from another
	// snapshot.
	EventRestarted EventKind = "restarted"

	EventCompleted EventKind = "completed"
	EventFailed    EventKind = "failed"

	// EventCancelled means that an unfinished export was cancelled, EventDeleted that a
	// completed, failed or expired one was deleted.
	EventCancelled EventKind = "cancelled"
	EventDeleted   EventKind = "deleted"

	EventExpired EventKind = "expired"
)

// Event is something that happened to an export. The process whose transaction changed
// the export observes it (Config.Observe), after the commit, and no other process does.
type Event struct {
	Kind     EventKind
	ExportID uuid.UUID
	ClientID string
	Level    Level

	// Generation is the export's.
	Generation int

	// Age is the time since the kick-off by the clock of the database.
	Age time.Duration

	// Reason is why the export restarted (a RestartReason), why it failed (in words fit
	// for the client, without ids of resources), or by whom it was cancelled or deleted
	// (an Actor).
	Reason string

	// ByJob reports whether an error of a job, which the worker has logged, failed the
	// export.
	ByJob bool

	// TransactionTime is nil until the snapshot is taken.
	TransactionTime *time.Time

	// Types, Parts and Bytes describe the plan: the number of resource types, of parts
	// and the size of what they read on disk. PartsDone is how many parts a process that
	// takes over an export need not read.
	Types, Parts, PartsDone int
	Bytes                   int64

	// Totals is set when the export is completed.
	Totals Totals
}

// Totals are the sizes of a completed export.
type Totals struct {
	Files       int64
	Resources   int64 // of the output, or rows of views
	PlainBytes  int64 // of the files before compression
	StoredBytes int64 // of the files
}

// RestartReason is why an export restarts from another snapshot.
type RestartReason string

// The reasons.
const (
	// SnapshotLost means that no session holds the snapshot any more.
	SnapshotLost RestartReason = "snapshot_lost"

	// TableRewritten means that a table was rewritten or truncated while no process had
	// it locked.
	TableRewritten RestartReason = "table_rewritten"

	// LockRequested means that another session waited for a lock on a table of the
	// export.
	LockRequested RestartReason = "lock_requested"

	// LocationChanged means that another source or bucket was recorded.
	LocationChanged RestartReason = "location_changed"
)

// RestartReasons returns all reasons.
func RestartReasons() []RestartReason {
	return []RestartReason{SnapshotLost, TableRewritten, LockRequested, LocationChanged}
}

// Actor is a party that cancels or deletes exports.
type Actor string

// The actors.
const (
	ByClient   Actor = "client"
	ByOperator Actor = "operator"

	// ClientExpired and ClientRemoved mean that the export ended with the access of its
	// client, which expired, or was revoked or removed.
	ClientExpired Actor = "client expired"
	ClientRemoved Actor = "client removed"
)

// event returns an event of the export as it was read.
func (e Export) event(kind EventKind) Event {
	return Event{
		Kind:            kind,
		ExportID:        e.ID,
		ClientID:        e.ClientID,
		Level:           e.Request.Level,
		Generation:      e.Generation,
		Age:             e.ReadAt.Sub(e.CreatedAt),
		TransactionTime: e.TransactionTime,
		Parts:           e.PartsTotal,
		PartsDone:       e.PartsDone,
		Bytes:           e.BytesPlanned,
	}
}

// observe reports an event that was committed. One without a kind did not happen.
func (s *Store) observe(ctx context.Context, event Event) {
	if event.Kind != "" && s.config.Observe != nil {
		s.config.Observe(ctx, event)
	}
}

// changeObserved is change for the export of the event, which do completes. The event is
// observed if the transaction commits.
func (s *Store) changeObserved(ctx context.Context, event *Event, action string, do func(ctx context.Context, tx pgx.Tx) error) error {
	err := s.change(ctx, event.ExportID, action, do)
	if err == nil {
		s.observe(ctx, *event)
	}
	return err
}
