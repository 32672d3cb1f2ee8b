package limit

import "sync"

// Semaphore bounds how many holders there are at the same time, in total and per
// client. It never waits. It is safe for concurrent use.
type Semaphore struct {
	// Max is the maximum in total, and MaxPerClient that of one client.
	Max, MaxPerClient int

	mu       sync.Mutex
	total    int
	byClient map[string]int
}

// NewSemaphore returns a semaphore that allows max holders, and maxPerClient
// holders of one client.
func NewSemaphore(max, maxPerClient int) *Semaphore {
	return &Semaphore{Max: max, MaxPerClient: maxPerClient, byClient: map[string]int{}}
}

// TryAcquire acquires the semaphore for the client and reports whether it did.
// The caller must call release when it has finished.
func (s *Semaphore) TryAcquire(client string) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total >= s.Max || s.byClient[client] >= s.MaxPerClient {
		return nil, false
	}
	s.total++
	s.byClient[client]++
	return func() { s.release(client) }, true
}

// Held returns how many holders there are.
func (s *Semaphore) Held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

func (s *Semaphore) release(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.byClient[client]--; s.byClient[client] == 0 {
		delete(s.byClient, client)
	}
}
