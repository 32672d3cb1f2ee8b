package api

import (
	"net/http"
	"sync"
	"time"
)

const (
	// largeBody is a body that counts, in bytes. To understand one takes some
	// fifteen times its size.
	largeBody = 16 << 10

	// maxLargeBodies and maxClientBodies bound how many of these are being read at
	// the same time, by all clients and by one.
	maxLargeBodies  = 4
	maxClientBodies = 2

	// largeBodyPause is when to come back: it takes less than a second to
	// understand one.
	largeBodyPause = time.Second
)

// largeBodies bounds the memory that bodies take together. What one client sends
// slowly keeps it alone from sending more.
type largeBodies struct {
	mu       sync.Mutex
	all      int
	byClient map[string]int
}

func newLargeBodies() *largeBodies { return &largeBodies{byClient: map[string]int{}} }

// enter lets the client's request be read, if there is room; leave has to be
// called then.
func (l *largeBodies) enter(client string, request *http.Request) (leave func(), ok bool) {
	if request.ContentLength >= 0 && request.ContentLength < largeBody { // unknown is -1
		return func() {}, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= maxLargeBodies || l.byClient[client] >= maxClientBodies {
		return nil, false
	}
	l.all++
	l.byClient[client]++
	return func() { l.leave(client) }, true
}

func (l *largeBodies) leave(client string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.byClient[client]--; l.byClient[client] == 0 {
		delete(l.byClient, client)
	}
}
