package source

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/source/connpool"
)

// clockSQL returns whether the server is a hot standby, the time up to which the server knows all changes: its clock, or on a
// hot standby the last commit that it has replayed (or, if there was none since it
// started, the checkpoint from which it started), and its clock.
const clockSQL = `
SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery()
	THEN least(clock_timestamp(), coalesce(pg_last_xact_replay_timestamp(),
		(SELECT checkpoint_time FROM pg_control_checkpoint())))
	ELSE clock_timestamp()
END, clock_timestamp()`

// visibleAfter bounds the time until a new transaction is visible in pg_stat_activity:
// its process has to be scheduled first. What changed within this time before a snapshot
// may be exported twice.
const visibleAfter = time.Second

// openSQL returns, of the open transactions of the database that may write, when the
// oldest one began, whether some are hidden (a role without pg_read_all_stats sees the
// sessions of other roles without their type), and when the oldest prepared transaction
// was prepared (its start is not recorded). $1 ends the application names of sessions
// that only read.
const openSQL = `
SELECT
	min(xact_start) FILTER (WHERE backend_type <> 'autovacuum worker'),
	coalesce(bool_or(backend_type IS NULL), false),
	(SELECT min(prepared) FROM pg_prepared_xacts WHERE database = current_database())
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
	AND application_name NOT LIKE '%' || $1`

// horizon is a time such that every row with an earlier or equal ts is committed, if the
// snapshot is taken after the horizon was read.
type horizon struct {
	time      time.Time
	estimated bool // the start of some transaction is unknown
	lag       time.Duration
}

// readHorizon returns the horizon. A row's ts is the start of the transaction that wrote
// it, not its commit; so a time is only safe if it is earlier than the start of every
// open transaction. If such a start cannot be seen, the horizon is earlier by margin.
//
// conn must not be in a transaction: otherwise the clock and the sessions would be read,
// or the snapshot taken, in the wrong order.
func readHorizon(ctx context.Context, conn *pgx.Conn, margin time.Duration) (horizon, error) {
	var (
		h        horizon
		oldest   *time.Time
		prepared *time.Time
		hidden   bool
		standby  bool
		now      time.Time
	)
	if err := conn.QueryRow(ctx, clockSQL).Scan(&standby, &h.time, &now); err != nil {
		return h, err
	}
	if err := conn.QueryRow(ctx, openSQL, connpool.ApplicationSuffix).Scan(&oldest, &hidden, &prepared); err != nil {
		return h, err
	}

	h.time = h.time.Add(-visibleAfter)
	clock := h.time
	if oldest != nil {
		// The ts of its rows is this time, and must be later than the horizon.
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
	// Earlier than the start of each transaction, which is the ts of its rows: the next
	// export selects rows after this time. PostgreSQL's resolution is a microsecond.
	h.time = h.time.UTC().Add(-time.Microsecond)
	h.lag = now.Sub(h.time)
	return h, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
