package api

import "sync"

// shares is what few may have at the same time, each client no more than its
// part: one that never lets go leaves the rest to others.
type shares struct {
	most, mostOfOne int

	mu       sync.Mutex
	all      int
	byClient map[string]int
}

func newShares(most, mostOfOne int) *shares {
	return &shares{most: most, mostOfOne: mostOfOne, byClient: map[string]int{}}
}

// take gives the client a share, if one is left for it; giveBack has to be
// called then.
func (s *shares) take(client string) (giveBack func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= s.most || s.byClient[client] >= s.mostOfOne {
		return nil, false
	}
	s.all++
	s.byClient[client]++
	return func() { s.giveBack(client) }, true
}

func (s *shares) giveBack(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.byClient[client]--; s.byClient[client] == 0 {
		delete(s.byClient, client)
	}
}
