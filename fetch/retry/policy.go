package retry

import (
	"net/http"
	"time"
)

// MinWait is the shortest wait, whatever a server asks for.
const MinWait = time.Second

// Asked is what a response asks for with Retry-After.
type Asked struct {
	// After is the wait, if OK is true.
	After time.Duration
	OK    bool
	// InFull says that the wait is not shortened, because the server counts requests: it
	// has responded 429 or 503.
	InFull bool
}

// AskedBy returns what a response with a status and a header asks for.
func AskedBy(status int, h http.Header) Asked {
	after, ok := After(h, time.Now())
	return Asked{After: after, OK: ok, InFull: ok && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable)}
}

// Policy says how long a step is repeated and how long the waits between are.
type Policy struct {
	// Patience is how long a step is repeated without progress.
	Patience time.Duration
	// Backoff are the waits if the server asks for none.
	Backoff Backoff
	// Longest is the longest wait that a server can ask for, unless it is Asked.InFull.
	Longest time.Duration
	// Overstay allows a wait that is Asked.InFull to be longer than the remaining
	// patience. Without it, such a wait ends the repetitions.
	Overstay bool
}

// Wait returns the wait after a number of failures in a row, which begins with 1. A wait
// that the server asks for gets longer by the jitter, not shorter.
func (p Policy) Wait(failures int, asked Asked) time.Duration {
	if !asked.OK {
		return max(p.Backoff.Next(failures), MinWait)
	}
	wait := Later(max(asked.After, MinWait), p.Backoff.Jitter)
	if asked.InFull {
		return wait
	}
	return min(wait, max(p.Longest, MinWait))
}

// Attempts are the repetitions of a step under a policy.
type Attempts struct {
	policy   Policy
	progress time.Time // the last
	failures int       // since then
}

// Begin returns the attempts of a step that begins now.
func (p Policy) Begin() *Attempts { return &Attempts{policy: p, progress: time.Now()} }

// Progress says that the step made progress: the patience and the waits begin again.
func (a *Attempts) Progress() { a.progress, a.failures = time.Now(), 0 }

// Failures returns the number of failures since the last progress.
func (a *Attempts) Failures() int { return a.failures }

// Failed counts a failure and returns the wait before the step is repeated. again is false
// if it is not repeated: the patience is over, or shorter than the wait that the server
// insists on.
func (a *Attempts) Failed(asked Asked) (wait time.Duration, again bool) {
	a.failures++
	wait = a.policy.Wait(a.failures, asked)
	left := a.policy.Patience - time.Since(a.progress)
	switch {
	case left <= 0:
		return 0, false
	case asked.InFull && a.policy.Overstay:
		return wait, true
	case asked.InFull && asked.After > left:
		return 0, false
	}
	return min(wait, max(left, MinWait)), true
}
