package worker

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// TestStopAfterFailure: a job that fails and whose context ends before the failure is
// classified returns why it ended, so that River does not count the attempt.
func TestStopAfterFailure(t *testing.T) {
	t.Parallel()
	stopped := errors.New("stopped")
	ctx, stop := context.WithCancelCause(t.Context())
	cfg := Config{Check: func(context.Context) error { return nil }}
	m := &middleware{Worker: &Worker{health: newHealth(cfg, newMetrics(nil), nil)}}
	job := &rivertype.JobRow{Kind: jobs.PartArgs{}.Kind(), EncodedArgs: []byte("{}")}
	err := m.Work(ctx, job, func(context.Context) error {
		stop(stopped)
		return io.ErrUnexpectedEOF
	})
	require.ErrorIs(t, err, stopped)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
