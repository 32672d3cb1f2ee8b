package login

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// issuer is a token endpoint. Requests take a second, after which they fail if there is
// an error.
type issuer struct {
	*tokens

	lifetime time.Duration
	err      error
	asked    atomic.Int32
	running  atomic.Int32
	patience []time.Duration
}

func newIssuer(lifetime time.Duration) *issuer {
	s := &issuer{lifetime: lifetime}
	s.tokens = newTokens(func(ctx context.Context, patience time.Duration) (token, error) {
		if s.running.Add(1) > 1 {
			panic("two requests at a time")
		}
		defer s.running.Add(-1)
		s.patience = append(s.patience, patience)
		requested, n := time.Now(), s.asked.Add(1)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return token{}, ctx.Err()
		}
		if s.err != nil {
			return token{}, s.err
		}
		return newToken(fmt.Sprint(n), requested, s.lifetime), nil
	}, time.Hour)
	return s
}

// wants requires the token of a request, and how long it waits for it.
func (s *issuer) wants(t *testing.T, value string, wait time.Duration) {
	t.Helper()
	begin := time.Now()
	got, err := s.header(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Bearer "+value, got)
	require.Equal(t, wait, time.Since(begin))
}

// TestRenewal: a token is renewed a minute before it expires.
func TestRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer(5 * time.Minute)
		s.wants(t, "1", time.Second)
		time.Sleep(4*time.Minute - time.Second - time.Nanosecond)
		s.wants(t, "1", 0)
		time.Sleep(time.Nanosecond)
		s.wants(t, "2", time.Second)
		time.Sleep(time.Hour)
		s.wants(t, "3", time.Second)
		require.Equal(t, []time.Duration{time.Hour, 0, time.Hour}, s.patience, "requests are repeated only if there is no valid token")
	})
}

// TestShortLife: a token of a minute is renewed after half of it.
func TestShortLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer(time.Minute)
		s.wants(t, "1", time.Second)
		time.Sleep(28 * time.Second)
		s.wants(t, "1", 0)
		time.Sleep(time.Second)
		s.wants(t, "2", time.Second)
	})
}

// TestUnknownLife: a token without an expiry is used until it is rejected.
func TestUnknownLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer(0)
		s.wants(t, "1", time.Second)
		time.Sleep(1000 * time.Hour)
		s.wants(t, "1", 0)
		require.True(t, s.rejected("Bearer 1"))
		s.wants(t, "2", time.Second)
	})
}

// TestLongLife: no lifetime is too long for a time.Duration.
func TestLongLife(t *testing.T) {
	t.Parallel()
	require.Equal(t, 365*24*time.Hour, lifetime(1e30))
	require.Equal(t, 90*time.Second, lifetime(90))
	require.True(t, newToken("x", time.Now(), lifetime(1e30)).usable(time.Now()))
}

// TestConcurrency: one request renews the token, the others go on with the old one; if
// there is none, all wait for one request.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer(5 * time.Minute)
		all := func() map[string]int {
			var mu sync.Mutex
			var wg sync.WaitGroup
			got := map[string]int{}
			for range 20 {
				wg.Go(func() {
					begin := time.Now()
					header, err := s.header(t.Context())
					if err != nil {
						header = err.Error()
					}
					mu.Lock()
					defer mu.Unlock()
					got[fmt.Sprint(header, " after ", time.Since(begin))]++
				})
			}
			wg.Wait()
			return got
		}
		require.Equal(t, map[string]int{"Bearer 1 after 1s": 20}, all())
		time.Sleep(4*time.Minute + time.Second)
		require.Equal(t, map[string]int{"Bearer 1 after 0s": 19, "Bearer 2 after 1s": 1}, all())
		time.Sleep(time.Hour)
		require.Equal(t, map[string]int{"Bearer 3 after 1s": 20}, all())
		require.True(t, s.rejected("Bearer 3"))
		require.True(t, s.rejected("Bearer 3"), "each request with the token is repeated")
		require.Equal(t, map[string]int{"Bearer 4 after 1s": 20}, all())
	})
}

// TestRenewalFails: while the token is valid, a renewal that fails is tried again after a
// pause, and then reported.
func TestRenewalFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer(5 * time.Minute)
		s.wants(t, "1", time.Second)
		s.err = errors.New("down")
		time.Sleep(4*time.Minute - time.Second)
		s.wants(t, "1", time.Second)
		s.wants(t, "1", 0)
		time.Sleep(renewPause)
		s.wants(t, "1", time.Second)
		require.EqualValues(t, 3, s.asked.Load())

		time.Sleep(time.Minute - 2*time.Second - renewPause - time.Millisecond) // it expires during the next renewal
		begin := time.Now()
		_, err := s.header(t.Context())
		require.ErrorIs(t, err, s.err)
		require.Equal(t, 2*time.Second, time.Since(begin))
		require.Equal(t, time.Hour, s.patience[4])
		s.err = nil
		s.wants(t, "6", time.Second)
	})
}

// TestRejected: a token that replaced a rejected one is not replaced if it is rejected at
// once, for the reason is another one.
func TestRejected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer(5 * time.Minute)
		s.wants(t, "1", time.Second)
		require.True(t, s.rejected("Bearer 1"))
		s.wants(t, "2", time.Second)
		require.True(t, s.rejected("Bearer 1"), "a request that was slower")
		s.wants(t, "2", 0)
		require.False(t, s.rejected("Bearer 2"))

		s.wants(t, "3", time.Second)
		time.Sleep(2 * time.Minute)
		require.True(t, s.rejected("Bearer 3"), "it was accepted for a while")
		s.wants(t, "4", time.Second)
		time.Sleep(4 * time.Minute)
		s.wants(t, "5", time.Second)
		require.True(t, s.rejected("Bearer 5"), "it replaced one that was not rejected")
	})
}

// TestCancelledRenewal: a caller that leaves does not fail the others.
func TestCancelledRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newIssuer(5 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var first, second error
		var wg sync.WaitGroup
		wg.Go(func() { _, first = s.header(ctx) })
		synctest.Wait()
		wg.Go(func() { _, second = s.header(ctx) })
		synctest.Wait()
		s.wants(t, "2", time.Second+time.Millisecond)
		wg.Wait()
		require.ErrorIs(t, first, context.DeadlineExceeded)
		require.ErrorIs(t, second, context.DeadlineExceeded)
		require.EqualValues(t, 2, s.asked.Load())
	})
}
