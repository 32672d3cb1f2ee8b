package endpoint

import (
	"fmt"
	"time"

	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/limit"
)

// retryStream is the delay after which a client may retry when too many dumps are
// running.
const retryStream = 5 * time.Second

// Streams limits the responses that are streamed while the database is read: dumps and
// the rows of views. Each uses a connection to the source.
type Streams struct {
	running   *limit.Semaphore
	rate      *limit.RateLimiter // by client
	perMinute int
}

// NewStreams limits concurrent streams, three quarters of which may belong to one client,
// and those that a client may start per minute (0 = unlimited).
func NewStreams(concurrent, perMinute int) *Streams {
	return &Streams{
		running:   limit.NewSemaphore(concurrent, (3*concurrent+3)/4),
		rate:      limit.NewPerMinute(perMinute),
		perMinute: perMinute,
	}
}

// Take counts a stream of the client, or refuses it if there were too many.
func (s *Streams) Take(client auth.Client) error {
	if wait := s.rate.TakePerMinute(client.ID, client.Rates.Dumps.OrDefault(s.perMinute)); wait > 0 {
		return problem.Throttled(problem.ClientDumps, "too many dumps by this client", wait)
	}
	return nil
}

// Refund undoes Take for a request that is refused.
func (s *Streams) Refund(client auth.Client) { s.rate.Refund(client.ID) }

// Running returns how many streams are running.
func (s *Streams) Running() int { return s.running.Held() }

// Max returns the maximum number of concurrent streams.
func (s *Streams) Max() int { return s.running.Max }

// Acquire begins a stream of the client, which release ends, or refuses it if too many
// are running.
func (s *Streams) Acquire(client auth.Client) (release func(), err error) {
	release, ok := s.running.TryAcquire(client.ID)
	if !ok {
		return nil, problem.Throttled(problem.DumpsFull, fmt.Sprintf("too many concurrent dumps: at most %d in total and %d per client", s.running.Max, s.running.MaxPerClient), retryStream)
	}
	return release, nil
}
