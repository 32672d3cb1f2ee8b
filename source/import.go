package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-90096f4d/sluice/source/connpool"
)

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
