// Package retry decides how long to wait before a request is repeated, and when it is no
// longer repeated. It knows HTTP's Retry-After and nothing of Bulk Data.
package retry

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxAfter limits what a server can ask for, and keeps seconds from overflowing a
// time.Duration.
const maxAfter = 365 * 24 * time.Hour

// After returns the wait that a response asks for with Retry-After, in seconds or as a
// date. A date is compared with the Date of the response, since the clocks of client and
// server differ, and with now if the response has none. The second result is false if
// there is no such header, or an invalid one.
func After(h http.Header, now time.Time) (time.Duration, bool) {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxAfter/time.Second) {
			return maxAfter, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(until.Sub(now), 0), maxAfter), true
}

// Backoff is a sequence of waits.
type Backoff struct {
	// Min is the first wait; each following is twice as long, up to Max. No wait is
	// shorter than Min or longer than Max, whatever the jitter.
	Min, Max time.Duration
	// Jitter is the part of a wait that is random: 0.2 means plus or minus 20 %, 1 means
	// between Min and twice the wait.
	Jitter float64
}

// Next returns the wait after a number of failures in a row, which begins with 1.
func (b Backoff) Next(failures int) time.Duration {
	wait := b.Min
	for range failures - 1 {
		if wait >= b.Max/2 {
			wait = b.Max
			break
		}
		wait *= 2
	}
	spread := time.Duration(b.Jitter * float64(wait))
	return between(max(b.Min, wait-spread), min(b.Max, wait+spread))
}

// shortWait is a wait that needs no jitter: the requests of clients that wait so shortly
// are spread by the network.
const shortWait = 5 * time.Second

// Later returns a wait between d and d plus a part of what exceeds 5 seconds, for waits
// that a server asked for: they may be longer, not shorter.
func Later(d time.Duration, jitter float64) time.Duration {
	return between(d, d+time.Duration(jitter*float64(d-shortWait)))
}

// between returns a random duration of an interval.
func between(from, to time.Duration) time.Duration {
	if to <= from {
		return from
	}
	return from + rand.N(to-from+1)
}

// Sleep waits for d or until ctx ends. The error is the cause of ctx.
func Sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
