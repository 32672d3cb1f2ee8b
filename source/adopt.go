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

// AdoptSnapshot opens a snapshot that shows the state of others, which are held
// elsewhere and all show the same. It then lives on its own, under an ID of its
// own, but without TransactionTime, which only the first holder knows.
//
// names lists the IDs of the others as they are at the moment; it is asked
// again, for new ones, when none of them is there any more. ErrSnapshotGone if
// that does not help either.
func (s *Source) AdoptSnapshot(ctx context.Context, names func(context.Context) ([]string, error)) (*Snapshot, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("source: adopt snapshot: %w", err)
	}
	sn := s.newSnapshot(conn)
	if err := sn.adopt(ctx, names); err != nil {
		return nil, errors.Join(fmt.Errorf("source: adopt snapshot: %w", err), conn.Close(ctx))
	}
	return sn, nil
}

func (sn *Snapshot) adopt(ctx context.Context, names func(context.Context) ([]string, error)) error {
	again := time.NewTicker(adoptPause)
	defer again.Stop()
	tried := map[string]bool{}
	for range adoptRounds {
		ids, err := names(ctx)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if tried[id] {
				continue
			}
			tried[id] = true
			if err := sn.adoptOne(ctx, id); !errors.Is(err, ErrSnapshotGone) {
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

// adoptOne imports the snapshot and exports it again. If that is gone, the
// connection is as it was.
func (sn *Snapshot) adoptOne(ctx context.Context, id string) error {
	err := importSnapshot(ctx, sn.conn.PgConn(), id)
	if err == nil {
		return sn.conn.QueryRow(ctx, exportSQL).Scan(&sn.ID)
	}
	if !sn.conn.IsClosed() {
		_, _ = sn.conn.Exec(ctx, `ROLLBACK`) // a connection that can't is of no use: the next import says so
	}
	return err
}
