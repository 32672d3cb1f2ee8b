package source

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/source/connpool"
)

// clockSQL reads the time up to which this server knows the database: its
// clock, or on a hot standby the last commit it has replayed (or, if there was
// none since it started, the checkpoint it started from).
const clockSQL = `
SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery()
	THEN least(clock_timestamp(), coalesce(pg_last_xact_replay_timestamp(),
		(SELECT checkpoint_time FROM pg_control_checkpoint())))
	ELSE clock_timestamp()
END`

// notShown is how long after its start a transaction may at most come to show in
// pg_stat_activity: its process has to be given a processor for that. What
// changed in this time before a snapshot is exported twice, at most.
const notShown = time.Second

// openSQL looks at the open transactions of the database that may write: when
// the oldest began, whether there are sessions that do not show (a role without
// pg_read_all_stats sees those of others without their type), and when the
// oldest prepared one was prepared (when it began is recorded nowhere).
// $1 is a pattern for the names of sessions that only read.
const openSQL = `
SELECT
	min(xact_start) FILTER (WHERE backend_type <> 'autovacuum worker'),
	coalesce(bool_or(backend_type IS NULL), false),
	(SELECT min(prepared) FROM pg_prepared_xacts WHERE database = current_database())
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
	AND application_name NOT LIKE '%' || $1`

// horizon is a time such that every row with an earlier or equal ts is
// committed, so long as the snapshot is taken after it was worked out.
type horizon struct {
	time      time.Time
	estimated bool // some transaction's start had to be guessed
}

// readHorizon works out the horizon. A row's ts is the start of the transaction
// that wrote it and says nothing of its commit; hence no time is safe that lies
// after the start of a transaction still open. margin is taken off where such a
// start cannot be seen.
//
// conn must not be in a transaction, or clock and sessions would be read, or
// the snapshot taken, in the wrong order.
func readHorizon(ctx context.Context, conn *pgx.Conn, margin time.Duration) (horizon, error) {
	var (
		h        horizon
		oldest   *time.Time
		prepared *time.Time
		hidden   bool
		standby  bool
	)
	if err := conn.QueryRow(ctx, clockSQL).Scan(&standby, &h.time); err != nil {
		return h, err
	}
	if err := conn.QueryRow(ctx, openSQL, connpool.ApplicationSuffix).Scan(&oldest, &hidden, &prepared); err != nil {
		return h, err
	}

	h.time = h.time.Add(-notShown)
	clock := h.time
	if oldest != nil {
		// Its rows carry this very time as their ts, and must come after ours.
		h.time = earlier(h.time, oldest.Add(-time.Microsecond))
	}
	if standby || hidden {
		h.estimated = true
		h.time = earlier(h.time, clock.Add(-margin))
	}
	if prepared != nil {
		h.estimated = true
		h.time = earlier(h.time, prepared.Add(-margin))
	}
	// Earlier than the start of each, since rows carry that as their ts, and the
	// next export asks for those after this time. PostgreSQL counts microseconds.
	h.time = h.time.UTC().Add(-time.Microsecond)
	return h, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
