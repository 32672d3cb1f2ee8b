package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

const (
	// partDoneSQL locks the part's row.
	partDoneSQL = `
UPDATE sluice.part SET state = 'done', bytes_read = bytes_planned
WHERE export_id = $1 AND generation = $2 AND number = $3 AND attempt = $4 AND state = 'running'
RETURNING bytes_planned`

	countPartSQL = `
UPDATE sluice.export SET parts_done = parts_done + 1, bytes_done = bytes_done + $2, bytes_stored = bytes_stored + $3,
  files_stored = files_stored + $4, progress_at = now()
WHERE id = $1
RETURNING parts_done = parts_total`
)

// CompletePart publishes the files of a part and ends it. One transaction marks the
// part done, completes its River job, runs publish, inserts the files, counts the part
// in its export and queues the next part of the window. publish makes the objects
// visible and sets the ETags of files. CompletePart returns ErrStale, with nothing
// changed and publish not run, if this attempt no longer holds the part.
//
// # Why the transaction stays open while objects are published
//
// The keys of a part's objects are fixed, so that a retry overwrites what a previous
// attempt has published. Therefore an attempt that was presumed dead must not publish
// after another one has taken the part, and a process that deletes the objects of a
// dropped part must not do so before a late attempt has published them. No check
// before or after publishing can guarantee that; a lock can. The update that marks the
// part done locks its row, and the row stays locked until publish has returned: other
// attempts, a restart, Cancel and Fail wait for it or have come first, in which case
// the update finds nothing. For the same reason Complete and WhileHeld run their
// requests to the object store while they hold the lock of the export.
//
// What keeps the transaction alive: the server ends sessions that are idle in a
// transaction, or a paused or unreachable process would hold its locks forever.
// Between statements the limit is five seconds; while publish runs it is the time of a
// lease, and a statement is sent every five seconds (holdOpen). The lease of the part
// is not renewed meanwhile: the lock protects the part.
//
// What happens when it breaks: if the connection is lost, the server rolls back and
// releases the locks, and the context of publish ends. The part is not done, its lease
// expires and it is read again. Objects that were published already are overwritten by
// the retry with data of the same snapshot, or deleted with all objects if the export
// restarts. A request that the store executes late can still replace an object; the
// worker compares all objects with the rows before Complete and repairs such files
// (Repair). If only the response to COMMIT is lost, the part is done, and the retry of
// the job finds that and ends.
func (s *Store) CompletePart(ctx context.Context, job *river.Job[PartArgs], part Part, files []File, publish func(context.Context) error) error {
	return s.inTx(ctx, "complete part", func(ctx context.Context, tx pgx.Tx) error {
		args := part.args
		var bytes int64
		err := tx.QueryRow(ctx, partDoneSQL, args.ExportID, args.Generation, args.Number, part.Attempt).Scan(&bytes)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrStale
		}
		if err != nil {
			return err
		}
		completed, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		if err != nil {
			return err
		}
		if completed.State != rivertype.JobStateCompleted {
			return ErrStale // rescued: River returns the job as another attempt left it
		}
		if err := holdOpen(ctx, tx, publish); err != nil {
			return err
		}
		if err := insertFiles(ctx, tx, args.ExportID, &args.Number, files); err != nil {
			return err
		}
		// Last, since all parts of the export update this row.
		var last bool
		if err := tx.QueryRow(ctx, countPartSQL, args.ExportID, bytes, storedBytes(files), len(files)).Scan(&last); err != nil {
			return err
		}
		if last {
			return notify(ctx, tx, args.ExportID)
		}
		return s.fillWindow(ctx, tx, args.ExportID)
	})
}

const completeSQL = `
UPDATE sluice.export SET state = 'completed', finished_at = now(), expires_at = now() + $3, bytes_stored = bytes_stored + $4, files_stored = files_stored + $5
WHERE id = $1 AND attempt = $2 AND state = 'running' AND parts_done = parts_total AND location_version = (` + currentLocationSQL + `)`

// Complete ends an export whose parts are all done and inserts the files that belong
// to no part. All files stay for the retention time. publish gets the completed export;
// it makes these files visible, sets their ETags and writes the manifest to the bucket.
// It runs inside the transaction (see CompletePart), so that nothing can change the
// export meanwhile. Complete returns ErrStale if the export has ended or was taken over,
// or the location has changed.
func (s *Store) Complete(ctx context.Context, export Export, retention time.Duration, files []File, publish func(context.Context, Export) error) error {
	event := Event{ExportID: export.ID}
	return s.changeObserved(ctx, &event, "complete export", func(ctx context.Context, tx pgx.Tx) error {
		if err := changed(tx.Exec(ctx, completeSQL, export.ID, export.attempt, retention, storedBytes(files), len(files))); err != nil {
			return err
		}
		completed, err := scanExport(tx.QueryRow(ctx, exportSQL, export.ID))
		if err != nil {
			return err
		}
		if err := holdOpen(ctx, tx, func(ctx context.Context) error { return publish(ctx, completed) }); err != nil {
			return err
		}
		if err := insertFiles(ctx, tx, export.ID, nil, files); err != nil {
			return err
		}
		event = completed.event(EventCompleted)
		event.Totals, err = totals(ctx, tx, export.ID)
		return err
	})
}

const totalsSQL = `
SELECT count(*), coalesce(sum(resources) FILTER (WHERE kind = 'output'), 0)::bigint,
    coalesce(sum(plain_bytes), 0)::bigint, coalesce(sum(stored_bytes), 0)::bigint
FROM sluice.file WHERE export_id = $1`

// totals returns the sizes of an export that completes.
func totals(ctx context.Context, tx pgx.Tx, id uuid.UUID) (t Totals, err error) {
	err = tx.QueryRow(ctx, totalsSQL, id).Scan(&t.Files, &t.Resources, &t.PlainBytes, &t.StoredBytes)
	return t, err
}

// keepAliveInterval is the time between the statements that keep a transaction alive.
// The server ends one that is idle for the time of a lease.
const keepAliveInterval = 5 * time.Second

const (
	// leaseIdleSQL lets a transaction be idle for the session's timeout, the time of a
	// lease.
	leaseIdleSQL = `SET LOCAL idle_in_transaction_session_timeout TO DEFAULT`

	// shortIdleSQL limits the time between two statements.
	shortIdleSQL = `SET LOCAL idle_in_transaction_session_timeout = '5s'`
)

// holdOpen runs do, which must not use tx, and keeps tx alive meanwhile. When tx is
// lost, and with it its locks, the context of do ends.
func holdOpen(ctx context.Context, tx pgx.Tx, do func(context.Context) error) error {
	if _, err := tx.Exec(ctx, leaseIdleSQL); err != nil {
		return err
	}
	if err := keepAlive(ctx, tx, do); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, shortIdleSQL)
	return err
}

func keepAlive(ctx context.Context, tx pgx.Tx, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()

	ticker := time.NewTicker(keepAliveInterval)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-ticker.C:
			if _, err := tx.Exec(ctx, `SELECT`); err != nil {
				cancel(err)
				return errors.Join(err, <-done)
			}
		}
	}
}
