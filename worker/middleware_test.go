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
	job := &rivertype.JobRow{Kind: jobs.PartArgs{}.Kind()}
	err := new(outageMiddleware).Work(ctx, job, func(context.Context) error {
		stop(stopped)
		return io.ErrUnexpectedEOF
	})
	require.ErrorIs(t, err, stopped)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
