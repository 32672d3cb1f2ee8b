package schedule

import (
	"container/heap"
	"context"
	"sync"
)

// Queue has the files that wait for their download: the largest first, so that no large
// one remains at the end, or in the order in which they were added.
type Queue[T any] struct {
	ordered bool
	size    func(T) int64

	mu      sync.Mutex
	files   waitingFiles[T]
	pushed  int // number of files that were ever added
	closed  bool
	changed chan struct{} // closed when a file was added, or the queue was closed
}

// NewQueue returns an empty queue. The size of a file may be unknown (-1).
func NewQueue[T any](ordered bool, size func(T) int64) *Queue[T] {
	return &Queue[T]{ordered: ordered, size: size, changed: make(chan struct{})}
}

// Push adds files.
func (q *Queue[T]) Push(files []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, f := range files {
		waiting := waitingFile[T]{file: f, position: q.pushed}
		if !q.ordered {
			waiting.size = q.size(f)
		}
		heap.Push(&q.files, waiting)
		q.pushed++
	}
	q.notify()
}

// Close says that no more files will be added.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.notify()
}

func (q *Queue[T]) notify() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// Pop waits for the next file. It reports false if the queue is closed and empty.
func (q *Queue[T]) Pop(ctx context.Context) (next T, ok bool, err error) {
	for {
		q.mu.Lock()
		if len(q.files) > 0 {
			waiting := heap.Pop(&q.files).(waitingFile[T])
			q.mu.Unlock()
			return waiting.file, true, nil
		}
		closed, changed := q.closed, q.changed
		q.mu.Unlock()
		if closed {
			return next, false, nil
		}
		select {
		case <-ctx.Done():
			return next, false, context.Cause(ctx)
		case <-changed:
		}
	}
}

// waitingFile is a file in a queue.
type waitingFile[T any] struct {
	file     T
	size     int64
	position int
}

// waitingFiles implements heap.Interface.
type waitingFiles[T any] []waitingFile[T]

func (h waitingFiles[T]) Len() int { return len(h) }
func (h waitingFiles[T]) Less(i, j int) bool {
	if h[i].size != h[j].size {
		return h[i].size > h[j].size
	}
	return h[i].position < h[j].position
}
func (h waitingFiles[T]) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *waitingFiles[T]) Push(x any)   { *h = append(*h, x.(waitingFile[T])) }
func (h *waitingFiles[T]) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
