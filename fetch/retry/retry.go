// Package retry decides how long to wait before a request is repeated, and when it is no
// longer repeated. It knows HTTP's Retry-After and nothing of Bulk Data.
package retry

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// After returns the wait that a response asks for with Retry-After, in seconds or as a
// date, which is compared with the Date of the response.
func After(_ http.Header, _ time.Time) (time.Duration, bool) { return 0, false }

// IsTransient reports whether a status or an error of a request is worth a repetition:
// 408, 429, 5xx except 501, and errors of the network.
func IsTransient(_ int, _ error) bool { return false }

// Backoff is a sequence of waits.
type Backoff struct {
	// Min is the first wait; each following is twice as long, up to Max.
	Min, Max time.Duration
	// Jitter is the part of a wait that is random: 0.2 means plus or minus 20 %, 1 means
	// between 0 and the whole wait.
	Jitter float64
}

// Next returns the wait after a number of failures, which begins with 1.
func (b Backoff) Next(_ int) time.Duration { return 0 }

// Sleep waits for d or until ctx ends.
func Sleep(_ context.Context, _ time.Duration) error { return errors.New("not implemented") }
