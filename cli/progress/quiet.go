package progress

import (
	"io"
	"sync"
)

// quiet shows nothing but what is written.
type quiet struct {
	mu  sync.Mutex
	out io.Writer
}

func (*quiet) total()          {}
func (*quiet) begin(*Item)     {}
func (*quiet) end(*Item, bool) {}
func (*quiet) status(string)   {}
func (*quiet) close()          {}

func (q *quiet) write(text []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.out.Write(text)
}
