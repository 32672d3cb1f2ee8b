package remote

import (
	"time"

	"github.com/seed-90096f4d/sluice/fetch/retry"
)

const (
	// firstWait and lastWait are the waits if the server asks for none.
	firstWait = 2 * time.Second
	lastWait  = time.Minute
	// jitter is the random part of waits, so that many clients do not poll in step.
	jitter = 0.2
	// longWait is a wait that people want to know of.
	longWait = 5 * time.Minute
)

// waits returns the policy for requests that are repeated for a time. A server that asks
// for more than PollMax gets that: some ask for hours.
func (s *Server) waits(patience time.Duration) retry.Policy {
	longest := max(s.limits.PollMax, retry.MinWait)
	return retry.Policy{
		Patience: patience,
		Backoff:  retry.Backoff{Min: min(firstWait, longest), Max: min(lastWait, longest), Jitter: jitter},
		Longest:  longest,
	}
}

// polls returns the policy for requests for the status and the manifest. The export goes on
// meanwhile, so that the server may ask for any wait.
func (s *Server) polls() retry.Policy {
	policy := s.waits(s.limits.RetryFor)
	policy.Overstay = true
	return policy
}
