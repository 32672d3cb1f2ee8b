package source_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
)

func TestSnapshotShowsOneState(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+`INSERT INTO patient (id, txid, resource) VALUES ('kept', 1, '{}'), ('gone', 2, '{}')`)
	sn := f.snapshot(t)
	f.exec(t, `DELETE FROM patient WHERE id = 'gone'; INSERT INTO patient (id, txid, resource) VALUES ('late', 3, '{}')`)

	tables, err := sn.Tables(t.Context(), []string{"Patient"})
	require.NoError(t, err)
	require.Len(t, tables, 1)

	elsewhere := open(t, source.Config{URL: f.url})
	for range 2 { // the connection comes back from the first scan as it was
		var ids []string
		err = scanAt(t.Context(), elsewhere, sn.ID, source.Scan{Table: tables[0]}, func(row *source.Row) error {
			ids = append(ids, string(row.ID))
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, []string{"kept", "gone"}, ids)
	}
	require.Equal(t, []string{"kept", "late"}, f.ids(t, source.Scan{Table: tables[0]}))
}

func TestSnapshotGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient"))
	table := f.table(t, "Patient")
	read := func(id string) error {
		return scanAt(t.Context(), f.source, id, source.Scan{Table: table}, func(*source.Row) error { return nil })
	}

	closed := f.snapshot(t)
	require.NoError(t, read(closed.ID))
	require.NoError(t, closed.Close(t.Context()))
	require.Eventually(t, func() bool { return read(closed.ID) != nil }, patience, time.Millisecond)
	require.ErrorIs(t, read(closed.ID), source.ErrSnapshotGone)
	require.ErrorIs(t, closed.Watch(t.Context()), source.ErrSnapshotGone)

	killed := f.snapshot(t)
	f.exec(t, `SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity
		WHERE datname = current_database() AND state = 'idle in transaction'`)
	require.ErrorIs(t, killed.Watch(t.Context()), source.ErrSnapshotGone)
	require.ErrorIs(t, read(killed.ID), source.ErrSnapshotGone)

	for _, id := range []string{"", "nonsense", "00000003-0000001B-1'; DROP TABLE patient; --"} {
		require.ErrorIs(t, read(id), source.ErrSnapshotGone)
	}
}

func TestTransactionTime(t *testing.T) {
	t.Parallel()

	t.Run("Quiet", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, aidbox("patient"))
		before := f.clock(t).Add(-2 * time.Second) // one is taken off
		sn := f.snapshot(t)
		require.False(t, sn.TransactionTime.Before(before))
		require.False(t, sn.TransactionTime.After(f.clock(t)))
		require.False(t, sn.Estimated)
	})

	// A row that is committed after the snapshot, by a transaction that began
	// before it, must come with the next export of changes.
	t.Run("LateCommit", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, aidbox("patient"))
		tx, err := f.db.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), `SELECT pg_sleep(1.1)`) // older than what is taken off the clock
		require.NoError(t, err)

		sn := f.snapshot(t)
		_, err = tx.Exec(t.Context(), `INSERT INTO patient (id, txid, resource) VALUES ('late', 1, '{}')`)
		require.NoError(t, err)
		require.NoError(t, tx.Commit(t.Context()))

		require.False(t, sn.Estimated)
		table := f.table(t, "Patient")
		var seen []string
		require.NoError(t, scanAt(t.Context(), f.source, sn.ID, source.Scan{Table: table}, func(row *source.Row) error {
			seen = append(seen, string(row.ID))
			return nil
		}))
		require.Empty(t, seen)
		require.Equal(t, []string{"late"}, f.ids(t, source.Scan{Table: table, ChangedAfter: sn.TransactionTime}), "the next export has it")
	})

	// Scans and snapshots of Sluice's own write nothing, however long they last.
	t.Run("OwnReaders", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, aidbox("patient"))
		f.snapshot(t)
		before := f.clock(t).Add(-2 * time.Second) // one is taken off
		require.False(t, f.snapshot(t).TransactionTime.Before(before))
	})

	t.Run("Prepared", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, aidbox("patient"))
		name := `'` + strconv.FormatUint(rand.Uint64(), 36) + `'` // of one server, not of one database
		if _, err := f.db.Exec(t.Context(), `BEGIN; INSERT INTO patient (id, txid, resource) VALUES ('p', 1, '{}'); PREPARE TRANSACTION `+name); err != nil {
			t.Skip("the server allows no prepared transactions")
		}
		before := f.clock(t)
		sn, err := f.source.OpenSnapshot(t.Context())
		f.exec(t, `COMMIT PREPARED `+name)
		require.NoError(t, err)
		require.NoError(t, sn.Close(t.Context()))
		require.True(t, sn.Estimated)
		require.WithinRange(t, sn.TransactionTime, before.Add(-2*commitMargin), before.Add(-commitMargin))
	})

	t.Run("HiddenSessions", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, aidbox("patient"))
		other := open(t, source.Config{URL: as(t, f.url, role(t, f)), CommitMargin: time.Hour})
		before := f.clock(t)
		sn, err := other.OpenSnapshot(t.Context())
		require.NoError(t, err)
		require.NoError(t, sn.Close(t.Context()))
		require.True(t, sn.Estimated)
		require.WithinRange(t, sn.TransactionTime, before.Add(-time.Hour-2*time.Second), f.clock(t).Add(-time.Hour))
		require.WithinRange(t, sn.TransactionTime.Add(sn.Lag), before, f.clock(t), "the lag is that behind the clock")
	})
}

// The age is that of the oldest snapshot of the role's own sessions, which it sees
// without further privileges. Sessions of others do not count.
func TestXminAge(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient"))
	url := as(t, f.url, role(t, f))
	src := open(t, source.Config{URL: url})
	age := func() int64 {
		t.Helper()
		transactions, err := src.XminAge(t.Context())
		require.NoError(t, err)
		return transactions
	}
	f.snapshot(t) // of another role
	f.exec(t, `SELECT pg_current_xact_id()`)
	require.Zero(t, age())

	sn, err := src.OpenSnapshot(t.Context())
	require.NoError(t, err)
	const transactions = 3
	for range transactions {
		f.exec(t, `SELECT pg_current_xact_id()`)
	}
	require.GreaterOrEqual(t, age(), int64(transactions)) // other databases of the server count
	require.NoError(t, sn.Close(t.Context()))
	require.Eventually(t, func() bool { return age() == 0 }, 2*time.Minute, 10*time.Millisecond)
}

func (f fixture) clock(t *testing.T) time.Time {
	t.Helper()
	var now time.Time
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&now))
	return now
}

// role makes a login that may read nothing.
func role(t *testing.T, f fixture) string {
	t.Helper()
	name := "sluice_test_" + strconv.FormatUint(rand.Uint64(), 36)
	f.exec(t, `CREATE ROLE `+name+` LOGIN PASSWORD 'secret'`)
	t.Cleanup(func() {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, f.url)
		require.NoError(t, err)
		defer func() { _ = conn.Close(ctx) }()
		_, err = conn.Exec(ctx, `DROP OWNED BY `+name+`; DROP ROLE `+name)
		require.NoError(t, err)
	})
	return name
}
