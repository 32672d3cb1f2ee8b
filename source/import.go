package source

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Whoever holds a snapshot for a moment, as a Reader does that shares it, may be
// gone before it is asked; then another may have come. What nobody has shown
// in half a second is thought to be gone.
const (
	adoptRounds = 20
	adoptPause  = 25 * time.Millisecond
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
	if err := s.adopt(ctx, sn, ids); err != nil {
		err = fmt.Errorf("source: adopt snapshot: %w", err)
		if sn.conn != nil {
			err = errors.Join(err, sn.conn.Close(ctx))
		}
		return nil, err
	}
	return sn, nil
}

func (s *Source) adopt(ctx context.Context, sn *Snapshot, list func(context.Context) ([]string, error)) error {
	again := time.NewTicker(adoptPause)
	defer again.Stop()
	tried := map[string]bool{}
	for range adoptRounds {
		ids, err := list(ctx)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if tried[id] {
				continue
			}
			tried[id] = true
			if err := s.adoptOne(ctx, sn, id); !errors.Is(err, ErrSnapshotGone) || errors.Is(err, errElsewhere) {
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

// adoptOne imports the snapshot and exports it again. If it is gone, the
// connection is fit for another.
func (s *Source) adoptOne(ctx context.Context, sn *Snapshot, id string) error {
	snapshot, err := parseReference(id)
	if err != nil {
		return err
	}
	if sn.conn == nil {
		if sn.conn, err = s.connectAt(ctx, snapshot.server); err != nil {
			return err
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
