package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// State is the state of an export:
//
//	accepted -> running -> completed -> expired
//	                   \-> failed
//	any of these -> cancelled
type State string

// The states of an export.
const (
	Accepted  State = "accepted"
	Running   State = "running"
	Completed State = "completed"
	Failed    State = "failed"
	Cancelled State = "cancelled"
	Expired   State = "expired"
)

// Export is an accepted kick-off and its progress.
type Export struct {
	ID       uuid.UUID
	ClientID string
	Request  Request
	State    State

	// Generation counts the snapshots that the export was started with. A restart
	// is generation 2 or higher.
	Generation int

	attempt  int
	location int

	// TransactionTime is nil until the snapshot is taken.
	TransactionTime *time.Time

	PartsTotal, PartsDone int

	// BytesPlanned is the size of the tables on disk, BytesRead the size of the resources
	// read so far, in whichever form of jsonb a process reads them. Neither form has the
	// size on disk exactly: a part counts as at most what was planned for it, and, once
	// done, as all of it.
	BytesPlanned, BytesRead int64

	// Warnings are what the export leaves out, as its plan found.
	Warnings []Warning

	// Failure is the reason why the export failed, in words fit for the client.
	Failure string

	// WaitingSince is set while the export makes no progress because something
	// that its jobs need is unavailable. WaitingReason is what, in words fit for the
	// client.
	WaitingSince  *time.Time
	WaitingReason string

	// Traceparent is the span of the kick-off, as span.Link takes it, if it was traced.
	Traceparent string

	CreatedAt time.Time

	// ReadAt is the database's time when the export was read. Ages are computed with
	// it, not with the time of the process.
	ReadAt time.Time

	// FinishedAt is when the export completed, failed or was cancelled.
	FinishedAt *time.Time

	// ExpiresAt is when the files of a completed export are deleted.
	ExpiresAt *time.Time
}

// AllPartsDone reports whether the export was planned and all its parts are done.
func (e Export) AllPartsDone() bool { return e.TransactionTime != nil && e.PartsDone == e.PartsTotal }

const (
	// exportSQL reads an export without the definitions of its views, and workSQL with
	// them.
	exportSQL = `SELECT id, client_id, ` + reducedSQL + exportColumns
	workSQL   = `SELECT id, client_id, request` + exportColumns

	// reducedSQL is the request without the definitions of its views, which can be a
	// megabyte. tablesSQL is its member tables; NULL if it has none.
	reducedSQL = `request || jsonb_strip_nulls(jsonb_build_object('tables', ` + tablesSQL + `))`
	tablesSQL  = `request->'tables' || jsonb_build_object('views', (
    SELECT jsonb_agg(v.view - 'definition' ORDER BY v.number)
    FROM jsonb_array_elements(request->'tables'->'views') WITH ORDINALITY AS v (view, number)))`

	exportColumns = `, state, attempt, generation, transaction_time, parts_total, parts_done, bytes_planned,
       bytes_done + (SELECT coalesce(sum(least(p.bytes_read, p.bytes_planned)), 0)::bigint
                     FROM sluice.part p WHERE p.export_id = e.id AND p.state = 'running'),
       coalesce(failure, ''), waiting_since, coalesce(waiting_reason, ''), created_at, clock_timestamp(), expires_at,
       coalesce(location_version, 0), coalesce(warnings, '[]'), finished_at, coalesce(traceparent, '')
FROM sluice.export e
WHERE id = $1`
)

// Get returns the export of any client, even if it was cancelled, or ErrNotFound. Its
// views have no definitions.
func (s *Store) Get(ctx context.Context, id uuid.UUID) (Export, error) {
	export, err := scanExport(s.pool.QueryRow(ctx, exportSQL, id))
	if err != nil {
		return Export{}, fmt.Errorf("jobs: get export: %w", err)
	}
	return export, nil
}

// GetForClient is Get for a client: it returns ErrNotFound for the export of another
// client and for a cancelled one.
func (s *Store) GetForClient(ctx context.Context, id uuid.UUID, clientID string) (Export, error) {
	export, err := s.Get(ctx, id)
	if err == nil && (export.ClientID != clientID || export.State == Cancelled) {
		return Export{}, ErrNotFound
	}
	return export, err
}

func scanExport(row pgx.Row) (Export, error) {
	var e Export
	err := row.Scan(&e.ID, &e.ClientID, &e.Request, &e.State, &e.attempt, &e.Generation, &e.TransactionTime,
		&e.PartsTotal, &e.PartsDone, &e.BytesPlanned, &e.BytesRead, &e.Failure, &e.WaitingSince, &e.WaitingReason,
		&e.CreatedAt, &e.ReadAt, &e.ExpiresAt, &e.location, &e.Warnings, &e.FinishedAt, &e.Traceparent)
	if errors.Is(err, pgx.ErrNoRows) {
		return Export{}, ErrNotFound
	}
	return e, err
}
