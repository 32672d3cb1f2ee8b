package source_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/source"
)

// patience is the deadline for events that are certain to happen.
const patience = 2 * time.Minute

// many returns a Source that reads even a small table with up to four readers.
func (f fixture) many(t *testing.T, maxConns int32) *source.Source {
	t.Helper()
	return open(t, source.Config{URL: f.url, MaxConns: maxConns, Spares: 3, BytesPerReader: 64 << 10})
}

// eachFunc returns the function that gets the rows of a reader. ctx ends when another
// reader has failed.
type eachFunc func(ctx context.Context) func(*source.Row) error

// scanParallel reads each reader's rows in a goroutine of its own, until one fails.
func scanParallel(ctx context.Context, s *source.Source, scan source.Scan, each eachFunc) error {
	parallel, err := s.ParallelScan(ctx, scan)
	if err != nil {
		return err
	}
	defer parallel.Close()
	group, ctx := errgroup.WithContext(parallel.Context())
	for _, rows := range parallel.Rows() {
		group.Go(func() error {
			stop := context.AfterFunc(ctx, rows.Cancel)
			defer stop()
			fn := each(ctx)
			for rows.Next() {
				if err := fn(rows.Row()); err != nil {
					return err
				}
			}
			return rows.Err()
		})
	}
	return group.Wait()
}

// gathering collects the rows of a parallel scan.
type gathering struct {
	mu      sync.Mutex
	readers int
	joined  chan struct{} // closed when the second reader has a row
	txids   map[string]int64
	rows    int
}

func gather() *gathering { return &gathering{joined: make(chan struct{}), txids: map[string]int64{}} }

// each returns a function that adds rows. If together, no reader passes its first
// row before another has one.
func (g *gathering) each(together bool) eachFunc {
	return func(ctx context.Context) func(*source.Row) error {
		first := true
		return func(row *source.Row) error {
			g.add(row, first)
			first = false
			if together {
				select {
				case <-g.joined:
				case <-ctx.Done():
				}
			}
			return nil
		}
	}
}

func (g *gathering) add(row *source.Row, first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if first {
		if g.readers++; g.readers == 2 {
			close(g.joined)
		}
	}
	g.rows++
	g.txids[string(row.ID)] = row.TxID
}

// All readers see one state, in which each row exists once, while all rows are
// updated continuously.
func TestParallelScan(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]string{
		"Ordinary": aidbox("patient") + manyRows,
		"Partitioned": `CREATE TABLE patient (id text, txid bigint, ts timestamptz, cts timestamptz, resource jsonb) PARTITION BY HASH (id);
			CREATE TABLE p1 PARTITION OF patient FOR VALUES WITH (MODULUS 2, REMAINDER 0);
			CREATE TABLE p2 PARTITION OF patient FOR VALUES WITH (MODULUS 2, REMAINDER 1);` + manyRows,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, setup+`; UPDATE patient SET txid = 0`)
			table := f.table(t, "Patient")
			many := f.many(t, 8)

			ctx, stop := context.WithCancel(t.Context())
			writer, wrote, stopped := connect(t, f.url), make(chan struct{}, 1), make(chan struct{})
			go func() {
				defer close(stopped)
				for ctx.Err() == nil {
					if _, err := writer.Exec(ctx, `UPDATE patient SET txid = txid + 1`); err == nil {
						select {
						case wrote <- struct{}{}:
						default:
						}
					}
				}
			}()
			for range 5 {
				<-wrote
				got := gather()
				require.NoError(t, scanParallel(t.Context(), many, source.Scan{Table: table}, got.each(true)))
				require.Greater(t, got.readers, 1)
				require.Equal(t, 5000, got.rows)
				require.Len(t, got.txids, 5000)
				state := got.txids["pt-1"]
				for id, txid := range got.txids {
					require.Equal(t, state, txid, id)
				}
			}
			stop()
			<-stopped
		})
	}
}

// There is only one reader for a small table, an empty one, and rows that an index
// finds.
func TestParallelScanAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("encounter")+aidbox("group")+aidbox("patient")+manyRows+`; CREATE INDEX ON patient (cts); ANALYZE patient;
		INSERT INTO "group" (id, txid, resource) VALUES ('g', 1, '{}')`)
	many := f.many(t, 8)
	scan := func(scan source.Scan) *gathering {
		got := gather()
		require.NoError(t, scanParallel(t.Context(), many, scan, got.each(false)))
		return got
	}
	long, never := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

	require.Zero(t, scan(source.Scan{Table: f.table(t, "Encounter")}).rows)
	require.Equal(t, 1, scan(source.Scan{Table: f.table(t, "Group")}).rows)
	for after, readers := range map[time.Time]int{long: 4, never: 1} {
		called := 0
		var mu sync.Mutex
		err := scanParallel(t.Context(), many, source.Scan{Table: f.table(t, "Patient"), CreatedAfter: after}, func(context.Context) func(*source.Row) error {
			mu.Lock()
			defer mu.Unlock()
			called++
			return func(*source.Row) error { return nil }
		})
		require.NoError(t, err)
		require.LessOrEqual(t, called, readers)
	}
	require.Equal(t, 5000, scan(source.Scan{Table: f.table(t, "Patient"), ChangedAfter: long}).rows)
}

// Scans that have one connection each, and no more to take, do not wait for each
// other.
func TestParallelScanWithoutSpares(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+manyRows)
	table := f.table(t, "Patient")
	many := f.many(t, 2)

	var both sync.WaitGroup
	both.Add(2)
	ended := make(chan error, 2)
	for range 2 {
		go func() {
			waited := false
			ended <- scanParallel(t.Context(), many, source.Scan{Table: table}, func(context.Context) func(*source.Row) error {
				return func(*source.Row) error {
					if !waited {
						waited = true
						both.Done()
						both.Wait()
					}
					return nil
				}
			})
		}()
	}
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
}

// An error of one reader ends all and leaves no query in the server.
func TestParallelScanCutShort(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")

	// ends runs a scan whose second reader calls second for its first row.
	ends := func(t *testing.T, f fixture, second func(row *source.Row) error) error {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		var mu sync.Mutex
		readers := 0
		return scanParallel(ctx, f.many(t, 8), source.Scan{Table: f.table(t, "Patient")}, func(ctx context.Context) func(*source.Row) error {
			number := 0
			return func(row *source.Row) error {
				mu.Lock()
				begins := number == 0
				if begins {
					readers++
					number = readers
				}
				mu.Unlock()
				if number == 2 && begins {
					return second(row)
				}
				if number == 2 {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			}
		})
	}

	t.Run("ByCallback", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, aidbox("patient")+manyRows)
		require.Equal(t, broken, ends(t, f, func(*source.Row) error { return broken }))
		require.Empty(t, f.running(t))
	})

	t.Run("ByServer", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, aidbox("patient")+manyRows+`; UPDATE patient SET resource = jsonb_build_object('text', repeat(md5(id), 3000))`)
		err := ends(t, f, func(row *source.Row) error {
			_, err := f.db.Exec(t.Context(), `SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity
				WHERE datname = current_database() AND query LIKE 'SELECT r.id, r.txid,%'`)
			return err
		})
		require.ErrorContains(t, err, `source: read "public"."patient"`)
		require.Empty(t, f.running(t))
	})

	t.Run("ByPanic", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, aidbox("patient")+manyRows)
		require.PanicsWithValue(t, "row", func() {
			parallel, err := f.many(t, 8).ParallelScan(t.Context(), source.Scan{Table: f.table(t, "Patient")})
			require.NoError(t, err)
			defer parallel.Close()
			for _, rows := range parallel.Rows() {
				require.True(t, rows.Next())
			}
			panic("row")
		})
		require.Empty(t, f.running(t))
	})
}

// If a table is truncated and filled again while a dump waits for it, the dump shows
// the state before or after, not ranges of both.
func TestParallelScanAfterRewrite(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+manyRows)
	table := f.table(t, "Patient")
	tx, err := f.db.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `TRUNCATE patient; INSERT INTO patient (id, txid, resource)
		SELECT 'new-' || n, n, jsonb_build_object('text', repeat(md5(n::text), 30)) FROM generate_series(1, 10000) AS n`)
	require.NoError(t, err)

	many := f.many(t, 8)
	got, ended := gather(), make(chan error, 1)
	go func() {
		ended <- scanParallel(t.Context(), many, source.Scan{Table: table}, got.each(true))
	}()
	watcher := connect(t, f.url)
	require.Eventually(t, func() bool {
		var waiting int
		err := watcher.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
			WHERE NOT l.granted AND a.datname = current_database()`).Scan(&waiting)
		return err == nil && waiting > 0
	}, patience, time.Millisecond)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-ended)
	require.Equal(t, 10000, got.rows)
	require.Len(t, got.txids, 10000)
	for id := range got.txids {
		require.True(t, strings.HasPrefix(id, "new-"), id)
	}
}
