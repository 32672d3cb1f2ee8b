package schedule

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(8)
		running := func() (n int) {
			for ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond); ; n++ {
				if l.Acquire(ctx) != nil {
					cancel()
					return n
				}
			}
		}
		release := func(n int, success bool) {
			for range n {
				l.Release(success)
			}
		}
		require.Equal(t, 8, running())

		// Requests that are rejected together count once.
		for range 8 {
			l.Congested()
		}
		release(8, false)
		require.Equal(t, 4, running())
		for range 5 {
			time.Sleep(minCutInterval)
			l.Congested()
		}
		release(4, false)
		require.Equal(t, 1, running(), "one always runs")

		// It grows by one with each success, up to the maximum.
		all := 1
		for _, want := range []int{2, 3, 4, 5, 6, 7, 8, 8} {
			l.Release(true)
			all += running() - 1
			require.Equal(t, want, all)
		}
	})
}

func TestLimiterWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(1)
		require.NoError(t, l.Acquire(t.Context()))
		got := make(chan error)
		go func() { got <- l.Acquire(t.Context()) }()
		synctest.Wait()
		l.Release(false)
		require.NoError(t, <-got)
	})
}

func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for ordered, want := range map[bool][]int64{true: {1, -1, 9, 5}, false: {9, 1, -1, 5}} {
			q := NewQueue(ordered, func(size int64) int64 { return size })
			q.Push([]int64{1, -1, 9})
			for i, size := range want {
				if i == 3 {
					go func() {
						time.Sleep(time.Second)
						q.Push([]int64{5})
						q.Close()
					}()
				}
				got, ok, err := q.Pop(t.Context())
				require.NoError(t, err)
				require.True(t, ok)
				require.Equal(t, size, got, "%v %d", ordered, i)
			}
			_, ok, err := q.Pop(t.Context())
			require.NoError(t, err)
			require.False(t, ok)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := NewQueue(true, func(int) int64 { return 0 }).Pop(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
