package retry

import "time"

// Deadline ends the repetitions of a step that makes no progress.
type Deadline struct {
	limit time.Duration
	last  time.Time
}

// NewDeadline returns a deadline that passes when limit has gone by without a call of
// Extend.
func NewDeadline(limit time.Duration) *Deadline {
	return &Deadline{limit: limit, last: time.Now()}
}

// Extend says that the step made progress.
func (d *Deadline) Extend() { d.last = time.Now() }

// Passed reports whether the time is over. It is asked after a failure and before the
// wait, so that a wait that a server asked for may be longer than the limit.
func (d *Deadline) Passed() bool { return time.Since(d.last) >= d.limit }
