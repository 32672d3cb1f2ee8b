package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// An operator ends an export only together with the record of that.
func TestOperatorEndsExport(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	running, completed := f.accept(t), f.completed(t, time.Hour)
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		end           func(*jobs.Store, context.Context, uuid.UUID, jobs.Record) error
		id            uuid.UUID
		former, state jobs.State
	}{
		"Cancel": {(*jobs.Store).CancelByOperator, running, jobs.Accepted, jobs.Cancelled},
		"Expire": {(*jobs.Store).ExpireByOperator, completed.ID, jobs.Completed, jobs.Expired},
	} {
		t.Run(name, func(t *testing.T) {
			end := func(id uuid.UUID, recorded error) error {
				return test.end(f.store, t.Context(), id, func(ctx context.Context, tx pgx.Tx, before jobs.Export) error {
					require.Equal(t, test.former, before.State)
					return recorded
				})
			}
			require.ErrorIs(t, end(uuid.New(), nil), jobs.ErrNotFound)
			require.ErrorIs(t, end(test.id, broken), broken)
			require.Equal(t, test.former, f.get(t, test.id).State)
			require.Zero(t, f.cleanups(t, test.id))
			require.NoError(t, end(test.id, nil))
			require.Equal(t, test.state, f.get(t, test.id).State)
			require.Equal(t, 1, f.cleanups(t, test.id))
			require.ErrorIs(t, end(test.id, nil), jobs.ErrStale)
		})
	}
	require.ErrorIs(t, f.store.ExpireByOperator(t.Context(), f.accept(t), nil), jobs.ErrStale)
	expired := f.get(t, completed.ID)
	require.True(t, expired.ExpiresAt.Before(*completed.ExpiresAt))
}
