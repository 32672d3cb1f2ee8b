package source

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-90096f4d/sluice/source/connpool"
)

// reference identifies an exported snapshot. PostgreSQL's name for it is not unique:
// names are counters that restart with the server, and two servers use the same
// names.
type reference struct {
	// name is PostgreSQL's.
	name string

	// key is a random number. The transaction that exported the snapshot holds the
	// advisory lock on it, which proves that the snapshot of that name is this one.
	// Comparing the results of pg_current_snapshot() would not: on a standby, they can
	// be equal for different snapshots.
	key uint64

	// server is where the snapshot is held.
	server connpool.Server
}

// String returns the form that parseReference reads.
func (r reference) String() string {
	return fmt.Sprintf("%s.%016x@%s", r.name, r.key, r.server)
}

// referenceForm also ensures that the name can be part of a statement: SET TRANSACTION
// takes no parameters.
var referenceForm = regexp.MustCompile(`^([0-9A-Fa-f]+(?:-[0-9A-Fa-f]+)*)\.([0-9a-f]{16})@([0-9]+)$`)

func parseReference(id string) (r reference, err error) {
	match := referenceForm.FindStringSubmatch(id)
	if match == nil {
		return r, fmt.Errorf("%w: %q does not identify a snapshot", ErrSnapshotGone, id)
	}
	r.name, r.server = match[1], connpool.Server(match[3])
	r.key, err = strconv.ParseUint(match[2], 16, 64)
	return r, err
}

// exportSQL takes the lock first, so that every exported snapshot has one.
const exportSQL = `SELECT pg_export_snapshot() FROM pg_advisory_xact_lock($1)`

// exportSnapshot exports the snapshot of conn's transaction and returns its
// reference, which is valid until the transaction ends.
func exportSnapshot(ctx context.Context, conn *pgx.Conn) (id string, err error) {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	r := reference{key: binary.BigEndian.Uint64(random[:]), server: connpool.ServerOf(conn)}
	if err := conn.QueryRow(ctx, exportSQL, int64(r.key)).Scan(&r.name); err != nil { // all 64 bits count
		return "", err
	}
	return r.String(), nil
}

// importSQL begins a transaction that sees the snapshot (%[1]s, %[2]s) and reports
// whether its lock (%[3]d) is free.
const importSQL = `%[1]s; SET TRANSACTION SNAPSHOT '%[2]s'; SELECT pg_try_advisory_xact_lock_shared(%[3]d)`

// importSnapshot begins a transaction that sees the snapshot. If the snapshot is not
// held any more, the error is ErrSnapshotGone and the transaction must be rolled back.
// Another snapshot of the same name is never used.
func importSnapshot(ctx context.Context, conn *pgx.Conn, r reference) error {
	if connpool.ServerOf(conn) != r.server {
		return snapshotError(connpool.ErrElsewhere)
	}
	sql := fmt.Sprintf(importSQL, beginSQL, r.name, int64(r.key)) // all 64 bits count
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return importError(err)
	}
	last := results[len(results)-1]
	if len(last.Rows) != 1 || string(last.Rows[0][0]) != "f" {
		return fmt.Errorf("%w: another snapshot has its name", ErrSnapshotGone)
	}
	return nil
}

// importError adds ErrSnapshotGone to the errors of PostgreSQL for a snapshot that does
// not exist.
func importError(err error) error {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		switch pgErr.Code {
		case
			"22023", // invalid_parameter_value: no such snapshot, up to PostgreSQL 15
			"42704", // undefined_object: the same, later
			"55000": // object_not_in_prerequisite_state: its transaction has ended
			return fmt.Errorf("%w: %w", ErrSnapshotGone, err)
		}
	}
	return err
}

// A holder of a snapshot, such as a Reader, may close before its snapshot is imported,
// while another one opens. ImportSnapshot retries for half a second.
const (
	importRounds = 20
	importPause  = 25 * time.Millisecond
)

// ImportSnapshot opens a snapshot that shows the state of other snapshots, which are
// held by other sessions and all show the same state. It is independent of these and
// has its own ID, but no TransactionTime, which only the first holder knows.
//
// ids returns the IDs of the snapshots that are currently held; it is called again if
// none of them can be imported. The error is ErrSnapshotGone if all attempts fail, or if
// no connection to the server that holds them was found.
func (s *Source) ImportSnapshot(ctx context.Context, ids func(context.Context) ([]string, error)) (*Snapshot, error) {
	sn := s.newSnapshot(nil)
	if err := s.importAny(ctx, sn, ids); err != nil {
		err = fmt.Errorf("source: import snapshot: %w", err)
		if sn.conn != nil {
			err = errors.Join(err, sn.conn.Close(ctx))
		}
		return nil, err
	}
	return sn, nil
}

func (s *Source) importAny(ctx context.Context, sn *Snapshot, list func(context.Context) ([]string, error)) error {
	again := time.NewTicker(importPause)
	defer again.Stop()
	tried := map[string]bool{}
	for range importRounds {
		ids, err := list(ctx)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if tried[id] {
				continue
			}
			tried[id] = true
			if err := s.tryImport(ctx, sn, id); !errors.Is(err, ErrSnapshotGone) || errors.Is(err, connpool.ErrElsewhere) {
				return err
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ErrSnapshotGone
}

// tryImport imports a snapshot and exports it again. If the snapshot is gone, the
// connection can be used for another attempt.
func (s *Source) tryImport(ctx context.Context, sn *Snapshot, id string) error {
	snapshot, err := parseReference(id)
	if err != nil {
		return err
	}
	if sn.conn == nil {
		if sn.conn, err = s.pool.ConnectAt(ctx, snapshot.server); err != nil {
			return snapshotError(err)
		}
	}
	err = importSnapshot(ctx, sn.conn, snapshot)
	if err == nil {
		sn.ID, err = exportSnapshot(ctx, sn.conn)
		return err
	}
	if !sn.conn.IsClosed() {
		_, _ = sn.conn.Exec(ctx, `ROLLBACK`) // if it fails, so does the next import
	}
	return err
}
