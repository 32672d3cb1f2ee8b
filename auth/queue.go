package auth

import (
	"context"
	"slices"
	"sync"
)

const (
	// hashesAtOnce bounds the memory that hashing takes, whatever the number of
	// requests: twice 19 MiB.
	hashesAtOnce = 2

	// maxWaiting bounds how many wait in each lane of the queue.
	maxWaiting = 256
)

// Origin is where a secret comes from. Those of one origin wait in line while
// other origins have their turns.
type Origin struct {
	// Address is the network address; it is only compared with others.
	Address string

	// Known tells that the client was let in from there lately. Every second
	// turn is for those of whom that can be said, so that no number of strangers
	// keeps them waiting.
	Known bool
}

// queue lets few hash at the same time. The others wait, each origin in a line
// of its own, and the lines take turns: who sends a hundred guesses waits for
// them himself. It is safe for concurrent use.
type queue struct {
	mu    sync.Mutex
	free  int
	lanes [2]lane // of strangers, and of who is known
	turn  int     // the lane whose turn is next
}

// lane is the lines of one kind. They are in the order of their turns, and none
// is empty.
type lane struct {
	lines   []*line
	waiting int
}

type line struct {
	name    string
	waiting []*waiter // the first came first
}

// waiter is told once whether it may go on.
type waiter struct{ told chan bool }

func newQueue() *queue { return &queue{free: hashesAtOnce} }

// enter waits for a turn. Each successful enter needs a leave. When too many
// wait already, the last of the longest line is sent away (ErrBusy).
func (q *queue) enter(ctx context.Context, id string, from Origin) error {
	w := q.join(id, from)
	if w == nil {
		return nil
	}
	select {
	case may := <-w.told:
		if !may {
			return ErrBusy
		}
		return nil
	case <-ctx.Done():
	}
	if q.remove(w) {
		return ctx.Err()
	}
	if <-w.told { // at the same moment
		q.leave()
	}
	return ctx.Err()
}

// join returns what is to be waited on, nil for nothing.
func (q *queue) join(id string, from Origin) *waiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free > 0 {
		q.free--
		return nil
	}
	to, name := &q.lanes[0], from.Address
	if from.Known { // others may share its address
		to, name = &q.lanes[1], from.Address+" "+id
	}
	w := &waiter{told: make(chan bool, 1)}
	to.push(name, w)
	if to.waiting > maxWaiting {
		to.shed().told <- false
	}
	return w
}

// leave gives the turn to who waits next.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range q.lanes {
		next := &q.lanes[q.turn]
		q.turn = (q.turn + 1) % len(q.lanes)
		if next.waiting > 0 {
			next.pop().told <- true
			return
		}
	}
	q.free++
}

// remove takes out one who no longer waits, and tells whether it still did.
func (q *queue) remove(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.lanes {
		if q.lanes[i].remove(w) {
			return true
		}
	}
	return false
}

func (l *lane) push(name string, w *waiter) {
	l.waiting++
	at := slices.IndexFunc(l.lines, func(other *line) bool { return other.name == name })
	if at < 0 {
		at = len(l.lines)
		l.lines = append(l.lines, &line{name: name})
	}
	l.lines[at].waiting = append(l.lines[at].waiting, w)
}

// pop takes the first of the line whose turn it is, which is the last then.
func (l *lane) pop() *waiter {
	first := l.lines[0]
	w := first.waiting[0]
	l.lines = append(l.lines[1:], first)
	l.take(len(l.lines)-1, 0)
	return w
}

// shed takes the last of the longest line.
func (l *lane) shed() *waiter {
	longest := 0
	for i, one := range l.lines {
		if len(one.waiting) >= len(l.lines[longest].waiting) {
			longest = i
		}
	}
	last := len(l.lines[longest].waiting) - 1
	w := l.lines[longest].waiting[last]
	l.take(longest, last)
	return w
}

func (l *lane) remove(w *waiter) bool {
	for i, one := range l.lines {
		if at := slices.Index(one.waiting, w); at >= 0 {
			l.take(i, at)
			return true
		}
	}
	return false
}

// take takes one out of a line, and the line away when it was the last in it.
func (l *lane) take(at, place int) {
	l.waiting--
	one := l.lines[at]
	one.waiting = slices.Delete(one.waiting, place, place+1)
	if len(one.waiting) == 0 {
		l.lines = slices.Delete(l.lines, at, at+1)
	}
}
