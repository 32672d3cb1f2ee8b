package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

const (
	// A thousand coins in the purses of patients and encounters, a few purses on each
	// page.
	purses = `
		ALTER TABLE patient SET (fillfactor = 10);
		ALTER TABLE encounter SET (fillfactor = 10);
		INSERT INTO patient (id, txid, resource) SELECT 'p' || n, n, '{"coins": 10}' FROM generate_series(1, 50) AS n;
		INSERT INTO encounter (id, txid, resource) SELECT 'e' || n, n, '{"coins": 10}' FROM generate_series(1, 50) AS n;`

	// One coin moves from a patient's purse to an encounter's.
	payPatientSQL   = `UPDATE patient SET resource = jsonb_build_object('coins', (resource->>'coins')::int - 1) WHERE id = $1`
	payEncounterSQL = `UPDATE encounter SET resource = jsonb_build_object('coins', (resource->>'coins')::int + 1) WHERE id = $1`

	// A purse moves to the other table with all its coins.
	moveSQL = `
		WITH gone AS (DELETE FROM patient WHERE id = $1 RETURNING *)
		INSERT INTO encounter SELECT * FROM gone`
	moveBackSQL = `
		WITH gone AS (DELETE FROM encounter WHERE id = $1 RETURNING *)
		INSERT INTO patient SELECT * FROM gone`
)

// All files show one state, although the tables change continuously, and change a lot
// between the first and the last file.
func TestOneSnapshot(t *testing.T) {
	t.Parallel()
	f := newFixture(t, table("patient")+table("encounter")+purses)
	open := f.gate(t, "patient")
	paid := f.pay(t)
	f.start(t, options{partBytes: 8192, slots: 2})
	receive(t, paid)

	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 2)
	for range 100 {
		receive(t, paid)
	}
	open()
	f.await(t, id, jobs.Completed)

	purses, coins := 0, 0
	for _, line := range append(f.lines(t, id, "Patient"), f.lines(t, id, "Encounter")...) {
		var purse struct{ Coins int }
		require.NoError(t, json.Unmarshal([]byte(line), &purse))
		purses++
		coins += purse.Coins
	}
	require.Equal(t, 100, purses)
	require.Equal(t, 1000, coins)
}

// pay moves coins and purses between the tables until the test ends, and sends a value
// for each transaction.
func (f *fixture) pay(t *testing.T) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	paid, ended := make(chan struct{}, 1000), make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			err = f.payOnce(ctx)
			select {
			case paid <- struct{}{}:
			default:
			}
		}
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			require.NoError(t, err)
		}
	})
	return paid
}

func (f *fixture) payOnce(ctx context.Context) error {
	tx, err := f.db.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()

	patient, encounter := number("p", 1), number("e", 1)
	if _, err := tx.Exec(ctx, payPatientSQL, patient); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, payEncounterSQL, encounter); err != nil {
		return err
	}
	mover := number("p", 26)
	moved, err := tx.Exec(ctx, moveSQL, mover)
	if err != nil {
		return err
	}
	if moved.RowsAffected() == 0 {
		if _, err := tx.Exec(ctx, moveBackSQL, mover); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// number returns the id of one of 25 purses.
func number(side string, from int) string { return fmt.Sprint(side, from+rand.N(25)) }

// The server that holds the snapshot and the holder are running, but new connections do
// not reach that server. The export restarts from a new snapshot instead of waiting.
func TestSnapshotOutOfReach(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup()+elsewhereSQL)
	f.start(t, options{})
	id := f.accept(t, jobs.Request{})
	f.eventually(t, "it is reassigned", func() bool {
		return f.count(t, `SELECT attempt FROM sluice.export WHERE id = $1`, id) > 1
	})
	// The job was taken longer ago than a lease lasts.
	f.exec(t, `UPDATE sluice.river_job SET attempted_at = now() - interval '1 min' WHERE kind = 'sluice_export'`)
	export := f.await(t, id, jobs.Completed)
	f.requireWhole(t, export)
	require.Equal(t, 2, export.Generation)
}

// elsewhereSQL makes the snapshot of the first generation one of another server, and
// its parts such that have waited for it for minutes.
const elsewhereSQL = `
CREATE FUNCTION elsewhere() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	NEW.snapshot := regexp_replace(NEW.snapshot, '@.*', '@1-1');
	RETURN NEW;
END $$;
CREATE TRIGGER elsewhere BEFORE UPDATE ON sluice.export FOR EACH ROW WHEN (NEW.generation = 1) EXECUTE FUNCTION elsewhere();
CREATE FUNCTION waited() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	NEW.attempt := NEW.attempt + 98;
	RETURN NEW;
END $$;
CREATE TRIGGER waited BEFORE UPDATE ON sluice.part FOR EACH ROW
	WHEN (NEW.generation = 1 AND NEW.attempt = 1) EXECUTE FUNCTION waited();`
