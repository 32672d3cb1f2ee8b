package limit

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRateLimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewPerMinute(60)
		for range 60 {
			require.Zero(t, l.Take("a"))
		}
		for range 10 {
			require.Equal(t, time.Second, l.Take("a").Round(time.Millisecond), "a refusal costs nothing")
		}
		require.Zero(t, l.Take("b"), "each key has its own bucket")
		time.Sleep(time.Second) // the bubble's clock: no time passes
		require.Zero(t, l.Take("a"))
		require.Positive(t, l.Take("a"))
		l.Refund("a")
		require.Zero(t, l.Take("a"))
		time.Sleep(time.Hour)
		for range 60 {
			require.Zero(t, l.Take("a"), "a bucket holds no more than its burst")
		}
		require.Positive(t, l.Take("a"))
		for range 100 {
			l.Refund("a")
		}
		for range 60 {
			require.Zero(t, l.Take("a"), "refunds included")
		}
		require.Positive(t, l.Take("a"))
	})
	unlimited := NewPerMinute(0)
	for range 1000 {
		require.Zero(t, unlimited.Take("a"))
		unlimited.Refund("a")
	}
}

func TestBurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(5, 300)
		for range 300 {
			require.Zero(t, l.Take("a"))
		}
		require.Equal(t, time.Second/5, l.Take("a").Round(time.Millisecond))
		time.Sleep(time.Second)
		for range 5 {
			require.Zero(t, l.Take("a"))
		}
		require.Positive(t, l.Take("a"))
	})
}

// TestTakePerMinute: a change of a key's rate applies at once, and gives no
// tokens that were not earned.
func TestTakePerMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewPerMinute(1)
		for range 10 {
			require.Zero(t, l.TakePerMinute("a", 10))
		}
		require.Equal(t, 6*time.Second, l.TakePerMinute("a", 10).Round(time.Millisecond))
		require.Equal(t, time.Second, l.TakePerMinute("a", 60).Round(time.Millisecond))
		require.Zero(t, l.TakePerMinute("a", 0), "unlimited")
		require.Equal(t, time.Minute, l.Take("a").Round(time.Millisecond))
		time.Sleep(time.Hour)
		require.Zero(t, l.TakePerMinute("a", 2))
		require.Positive(t, l.TakePerMinute("a", 2), "the bucket was full at a rate of 1")
	})
}

func TestRateLimiterIsBounded(t *testing.T) {
	t.Parallel()
	l := NewPerMinute(1)
	require.Zero(t, l.Take("used often"))
	for i := range 2 * maxKeys {
		l.Take(fmt.Sprint(i))
		require.Positive(t, l.Take("used often"), "a bucket in use is not evicted")
	}
	require.Equal(t, maxKeys, l.buckets.Len())
	require.Zero(t, l.Take("0"), "evicted")
}

// TestRateLimiterConcurrently: concurrent requests take exactly what is there.
func TestRateLimiterConcurrently(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewPerMinute(50)
		var allowed atomic.Int32
		var running sync.WaitGroup
		for range 500 {
			running.Go(func() {
				if l.Take("a") == 0 {
					allowed.Add(1)
				}
			})
		}
		running.Wait()
		require.EqualValues(t, 50, allowed.Load())
		require.LessOrEqual(t, l.Take("a"), time.Minute/50, "refusals have taken nothing")
	})
}

func TestSemaphore(t *testing.T) {
	t.Parallel()
	s := NewSemaphore(3, 2)
	first, ok := s.TryAcquire("a")
	require.True(t, ok)
	_, ok = s.TryAcquire("a")
	require.True(t, ok)
	_, ok = s.TryAcquire("a")
	require.False(t, ok, "one client leaves some to others")
	other, ok := s.TryAcquire("b")
	require.True(t, ok)
	_, ok = s.TryAcquire("c")
	require.False(t, ok)
	first()
	_, ok = s.TryAcquire("c")
	require.True(t, ok)
	other()
	require.NotContains(t, s.byClient, "b")
}

// fail fails until it has to wait, and returns how often it could.
func fail(l *LoginLimiter, client, address string) (failed int) {
	for failed < 1000 && l.Take(client, address) == 0 {
		failed++
	}
	return failed
}

func TestFailedLogins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewLoginLimiter(10)
		require.Equal(t, 10, fail(l, "a", "192.0.2.1"))
		require.Zero(t, fail(l, "b", "192.0.2.1"), "an address has failed enough, whatever the name")
		require.Zero(t, fail(l, "a", "192.0.2.2"), "so has a name, wherever from")
		require.Equal(t, 10, fail(l, "b", "192.0.2.2"), "a refusal for the name costs the address nothing")
		time.Sleep(time.Minute)
		require.Equal(t, 10, fail(l, "a", "192.0.2.1"))

		require.Equal(t, 10, fail(l, "c", "2001:db8::1"))
		require.Zero(t, fail(l, "d", "2001:db8::ffff:2"), "one network of IPv6 counts as one")
		require.Equal(t, 10, fail(l, "", "192.0.2.3"))
		require.Equal(t, 10, fail(l, "", "192.0.2.4"), "without a name only the address counts")

		for range 100 {
			require.Zero(t, l.Take("e", "192.0.2.7"))
			l.Refund("e", "192.0.2.7")
		}
		require.Equal(t, 10, fail(l, "e", "192.0.2.7"), "what is refunded is not counted")
	})
	require.Equal(t, 1000, fail(NewLoginLimiter(0), "a", "192.0.2.1"))
}

// An address counts as what one user of it can choose from, however it is written.
func TestNetwork(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.7":             "192.0.2.7",
		"::ffff:192.0.2.7":      "192.0.2.7",
		"2001:db8:1:2:3:4:5:6":  "2001:db8:1:2::/64",
		"fe80::1%eth0":          "fe80::/64",
		"":                      "",
		"what a proxy may send": "what a proxy may send",
	} {
		require.Equal(t, want, network(address))
	}
}

// FuzzNetwork: the network of an address is a prefix that contains it, or the text
// itself.
func FuzzNetwork(f *testing.F) {
	for _, seed := range []string{"fe80::1%eth0", "::ffff:192.0.2.1", "192.0.2.1", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		got := network(address)
		ip, err := netip.ParseAddr(address)
		if err != nil {
			require.Equal(t, address, got)
			return
		}
		if prefix, err := netip.ParsePrefix(got); err == nil {
			require.Equal(t, 64, prefix.Bits())
			require.True(t, prefix.Contains(ip.WithZone("")))
		} else {
			require.Equal(t, ip.Unmap().String(), got)
		}
	})
}
