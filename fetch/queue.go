package fetch

import (
	"container/heap"
	"context"
	"sync"
)

// queue has the files that wait for their download: the largest first, so that no
// large one remains at the end, or in the order of the manifest.
type queue struct {
	ordered bool

	mu      sync.Mutex
	files   fileHeap
	pushed  int // number of files that were ever added
	closed  bool
	changed chan struct{} // closed when a file was added, or the queue was closed
}

func newQueue(ordered bool) *queue { return &queue{ordered: ordered, changed: make(chan struct{})} }

// push adds files.
func (q *queue) push(files []*file) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, f := range files {
		waiting := waitingFile{file: f, position: q.pushed}
		if !q.ordered {
			waiting.size = f.Size
		}
		heap.Push(&q.files, waiting)
		q.pushed++
	}
	q.notify()
}

// close says that no more files will be added.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.notify()
}

func (q *queue) notify() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// pop returns the next file; nil if there will be none.
func (q *queue) pop(ctx context.Context) (*file, error) {
	for {
		q.mu.Lock()
		if len(q.files) > 0 {
			next := heap.Pop(&q.files).(waitingFile)
			q.mu.Unlock()
			return next.file, nil
		}
		closed, changed := q.closed, q.changed
		q.mu.Unlock()
		if closed {
			return nil, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-changed:
		}
	}
}

// waitingFile is a file in a queue.
type waitingFile struct {
	file     *file
	size     int64
	position int
}

// fileHeap implements heap.Interface.
type fileHeap []waitingFile

func (h fileHeap) Len() int { return len(h) }
func (h fileHeap) Less(i, j int) bool {
	if h[i].size != h[j].size {
		return h[i].size > h[j].size
	}
	return h[i].position < h[j].position
}
func (h fileHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *fileHeap) Push(x any)   { *h = append(*h, x.(waitingFile)) }
func (h *fileHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
