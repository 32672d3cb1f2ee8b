package auth

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// waiting is how many wait.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lanes[0].waiting + q.lanes[1].waiting
}

// fullQueue is one in which nobody's turn has ended yet.
func fullQueue(t *testing.T) *queue {
	t.Helper()
	q := newQueue()
	for range hashesAtOnce {
		require.NoError(t, q.enter(t.Context(), "", Origin{}))
	}
	return q
}

func TestWaitingForATurnEndsWithTheContext(t *testing.T) {
	t.Parallel()
	q := fullQueue(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, q.enter(ctx, "a", Origin{}), context.Canceled)
	require.Zero(t, q.waiting())
	q.leave()
	require.NoError(t, q.enter(ctx, "a", Origin{}), "nobody was left behind in the line")
}

// TestQueueIsBounded: when too many wait, one who came too often is sent away.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	q := fullQueue(t)
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range maxWaiting {
		waiting.Go(func() { assert.ErrorIs(t, q.enter(ctx, "", Origin{Address: "192.0.2.1"}), context.Canceled) })
	}
	require.Eventually(t, func() bool { return q.waiting() == maxWaiting }, 2*time.Minute, time.Millisecond)
	require.ErrorIs(t, q.enter(t.Context(), "", Origin{Address: "192.0.2.1"}), ErrBusy)
	require.Equal(t, maxWaiting, q.waiting())
	cancel()
	waiting.Wait()
	q.leave()
	require.NoError(t, q.enter(t.Context(), "", Origin{}), "when they have gone there is room again")
	require.Empty(t, q.lanes[0].lines)
}

// TestQueueIsFair: fifty addresses guess as fast as they can. Whoever comes then
// waits no longer than for one guess of each, and a client where it is known
// not even for that.
func TestQueueIsFair(t *testing.T) {
	t.Parallel()
	const strangers, guesses = 50, 30
	q := fullQueue(t)
	shed := 0
	var guessing []*waiter
	for guess := range guesses {
		for i := range strangers {
			from := Origin{Address: fmt.Sprint("198.51.100.", i)}
			guessing = append(guessing, q.join(fmt.Sprint("name ", guess), from))
		}
	}
	require.Equal(t, maxWaiting, q.waiting())
	for _, w := range guessing {
		select {
		case may := <-w.told:
			require.False(t, may)
			shed++
		default:
		}
	}
	require.Equal(t, strangers*guesses-maxWaiting, shed)

	newcomer := q.join("a", Origin{Address: "192.0.2.1"})
	known := q.join("b", Origin{Address: "192.0.2.2", Known: true})
	neighbour := q.join("c", Origin{Address: "192.0.2.2", Known: true})
	require.Equal(t, map[*waiter]int{known: 2, neighbour: 4, newcomer: strangers + 1 + 2}, turns(q, known, neighbour, newcomer))
}

// turns tells after how many turns each is let in.
func turns(q *queue, who ...*waiter) map[*waiter]int {
	after := map[*waiter]int{}
	for turn := 1; turn <= 2*maxWaiting; turn++ {
		q.leave()
		for _, w := range who {
			if len(w.told) > 0 && after[w] == 0 {
				after[w] = turn
			}
		}
	}
	return after
}

// TestKnownTakeTurnsToo: who guesses from a client's own address keeps neither
// others that are known nor strangers waiting.
func TestKnownTakeTurnsToo(t *testing.T) {
	t.Parallel()
	q := fullQueue(t)
	for range maxWaiting {
		q.join("a", Origin{Address: "192.0.2.1", Known: true})
	}
	neighbour := q.join("b", Origin{Address: "192.0.2.1", Known: true})
	stranger := q.join("c", Origin{Address: "192.0.2.3"})
	require.Equal(t, map[*waiter]int{stranger: 1, neighbour: 3}, turns(q, neighbour, stranger))
}

// TestKnownDoNotWaitAsStrangers: a client that sends its secret from a new
// address and from one where it is known waits at the latter as the known do.
func TestKnownDoNotWaitAsStrangers(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	require.NoError(t, b.Add(ctx, "a", "secret-1", []string{"system/*.rs"}))
	for range hashesAtOnce {
		require.NoError(t, b.hasher.queue.enter(ctx, "", Origin{}))
	}
	for i := range 50 {
		b.hasher.queue.join("nobody", Origin{Address: fmt.Sprint("198.51.100.", i)})
	}
	ask := func(from Origin) chan error {
		answer, waiting := make(chan error, 1), b.hasher.queue.waiting()
		go func() {
			_, err := b.Authenticate(ctx, "a", "secret-1", from)
			answer <- err
		}()
		require.Eventually(t, func() bool { return b.hasher.queue.waiting() > waiting }, 2*time.Minute, time.Millisecond)
		return answer
	}
	ask(Origin{Address: "192.0.2.1"})
	known := ask(Origin{Address: "192.0.2.2", Known: true})
	b.hasher.queue.leave()
	b.hasher.queue.leave()
	require.NoError(t, <-known)
}
