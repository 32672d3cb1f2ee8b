package process_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/dev/process"
)

func TestPoll(t *testing.T) {
	t.Parallel()
	failure := errors.New("no connection")
	calls := 0
	check := func(done bool) func(context.Context) (bool, error) {
		return func(context.Context) (bool, error) {
			if calls++; calls < 3 {
				return false, failure
			}
			return done, nil
		}
	}
	require.NoError(t, process.Poll(t.Context(), time.Minute, "the third call", check(true)), "temporary errors are ignored")
	require.Equal(t, 3, calls)

	calls = 0
	err := process.Poll(t.Context(), time.Second, "nothing", check(false))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, failure, "the last error is the likely reason")

	final := func(context.Context) (bool, error) { return true, failure }
	require.Equal(t, failure, process.Poll(t.Context(), time.Minute, "nothing", final))
}

func TestPollEndsWithTheChild(t *testing.T) {
	t.Parallel()
	child, err := process.Start(process.Spec{Path: "/bin/sh", Args: []string{"-c", "exit 1"}})
	require.NoError(t, err)
	never := func(context.Context) (bool, error) { return false, nil }
	require.ErrorContains(t, child.Poll(t.Context(), time.Minute, "a response", never), "wait for a response: the process has exited")
}
