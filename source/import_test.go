package source_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
)

// letGo closes a snapshot and waits until nobody can open it any more, for which
// the server takes a moment.
func (f *fixture) letGo(t *testing.T, gone *source.Snapshot) {
	t.Helper()
	require.NoError(t, gone.Close(t.Context()))
	require.Eventually(t, func() bool {
		reader, err := f.source.OpenReader(t.Context(), gone.ID)
		if err == nil {
			reader.Close(t.Context())
		}
		return err != nil
	}, patience, time.Millisecond)
}

// Those who have the snapshot come and go: one that comes late is found, and
// what was adopted shows their state and outlives them.
func TestImportSnapshot(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+`INSERT INTO patient (id, txid, resource) VALUES ('kept', 1, '{}')`)
	first, gone := f.snapshot(t), f.snapshot(t)
	f.letGo(t, gone)
	f.exec(t, `DELETE FROM patient`)

	asked := 0
	adopted, err := f.source.ImportSnapshot(t.Context(), func(context.Context) ([]string, error) {
		asked++
		return [][]string{{gone.ID}, {}, {gone.ID, first.ID}}[asked-1], nil
	})
	require.NoError(t, err)
	defer func() { _ = adopted.Close(context.Background()) }()
	require.Equal(t, 3, asked)
	require.NoError(t, first.Close(t.Context()))

	rows := 0
	require.NoError(t, scanAt(t.Context(), f.source, adopted.ID, source.Scan{Table: f.table(t, "Patient")}, func(*source.Row) error { rows++; return nil }))
	require.Equal(t, 1, rows)
}

func TestImportSnapshotInVain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient"))
	gone := f.snapshot(t)
	f.letGo(t, gone)
	_, err := f.source.ImportSnapshot(t.Context(), func(context.Context) ([]string, error) { return []string{gone.ID}, nil })
	require.ErrorIs(t, err, source.ErrSnapshotGone)

	away := errors.New("the list is not there")
	_, err = f.source.ImportSnapshot(t.Context(), func(context.Context) ([]string, error) { return nil, away })
	require.ErrorIs(t, err, away)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = f.source.ImportSnapshot(ctx, func(context.Context) ([]string, error) { cancel(); return nil, nil })
	require.ErrorIs(t, err, context.Canceled)
}
