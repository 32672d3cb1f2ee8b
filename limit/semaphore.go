package limit

import "sync"

// Semaphore bounds how many holders there are at the same time, in total and per
// client. It never waits. It is safe for concurrent use.
type Semaphore struct {
	max, maxPerClient int

	mu       sync.Mutex
	total    int
	byClient map[string]int
}

// NewSemaphore returns a semaphore that allows max holders, and maxPerClient
// holders of one client.
func NewSemaphore(max, maxPerClient int) *Semaphore {
	return &Semaphore{max: max, maxPerClient: maxPerClient, byClient: map[string]int{}}
}

// Max returns the maximum in total.
func (s *Semaphore) Max() int { return s.max }

// MaxPerClient returns the maximum of one client.
func (s *Semaphore) MaxPerClient() int { return s.maxPerClient }

// TryAcquire acquires the semaphore for the client and reports whether it did.
// The caller must call release when it has finished.
func (s *Semaphore) TryAcquire(client string) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total >= s.max || s.byClient[client] >= s.maxPerClient {
		return nil, false
	}
	s.total++
	s.byClient[client]++
	return func() { s.release(client) }, true
}

func (s *Semaphore) release(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.byClient[client]--; s.byClient[client] == 0 {
		delete(s.byClient, client)
	}
}
