package remote

import (
	"time"

	"github.com/seed-90096f4d/sluice/fetch/retry"
)

const (
	// minWait is the shortest wait that a server can ask for.
	minWait = time.Second
	// firstWait and lastWait are the waits if the server asks for none.
	firstWait = 2 * time.Second
	lastWait  = time.Minute
	// jitter is the random part of waits, so that many clients do not poll in step.
	jitter = 0.2
)

// backoff returns the waits for a server that does not ask for any.
func (s *Server) backoff() retry.Backoff {
	longest := min(lastWait, s.pollMax())
	return retry.Backoff{Min: min(firstWait, longest), Max: longest, Jitter: jitter}
}

// asked returns the wait if a server asks for one: not shorter, unless it is longer than
// PollMax. Some servers ask for hours.
func (s *Server) asked(after time.Duration) time.Duration {
	return min(retry.Later(max(after, minWait), jitter), s.pollMax())
}

func (s *Server) pollMax() time.Duration { return max(s.limits.PollMax, minWait) }
