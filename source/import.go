package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-90096f4d/sluice/source/connpool"
)

// Whoever holds a snapshot for a moment, as a Reader does that shares it, may be
// gone before it is asked; then another may have come. What nobody has shown
// in half a second is thought to be gone.
const (
	importRounds = 20
	importPause  = 25 * time.Millisecond
)

// ImportSnapshot opens a snapshot that shows the state of others, which are held
// elsewhere and all show the same. It then lives on its own, under an ID of its
// own, but without TransactionTime, which only the first holder knows.
//
// ids lists the IDs of the others as they are at the moment; it is asked again,
// for new ones, when none of them is there any more. ErrSnapshotGone if that does
// not help either, or if there is no way to the server that holds them.
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

// tryImport imports the snapshot and exports it again. If it is gone, the
// connection is fit for another.
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
		_, _ = sn.conn.Exec(ctx, `ROLLBACK`) // a connection that can't is of no use: the next import says so
	}
	return err
}
