package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// stallTime is the maximum duration of one iteration of a worker's loop.
const stallTime = 30 * time.Second

// pulse monitors the loops of a worker: the reclaim loop, and River's fetch loops. It
// distinguishes a process that is stuck from one whose database is down. It is a River hook.
type pulse struct {
	river.HookDefaults

	mu sync.Mutex
	// reclaimed is when the reclaim loop last began an iteration; zero before Run.
	reclaimed time.Time
	// answered is since when the state database has responded; zero while it does not.
	answered time.Time
	// queues are the queues that River fetches from; empty while it is stopped.
	queues map[string]*queuePulse
}

// queuePulse is the state of the fetch loop of a queue. The loop does not fetch while no
// slot is free.
type queuePulse struct {
	limit, busy int
	// moved is when the loop last fetched, or a slot became free.
	moved time.Time
}

var _ rivertype.HookMetricEmit = (*pulse)(nil)

// turn records an iteration of the reclaim loop.
func (p *pulse) turn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reclaimed = time.Now()
}

// reach records whether the state database responds.
func (p *pulse) reach(answers bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !answers:
		p.answered = time.Time{}
	case p.answered.IsZero():
		p.answered = time.Now()
	}
}

// start records that River fetches from these queues; nil means that it has stopped.
func (p *pulse) start(queues map[string]river.QueueConfig) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queues = map[string]*queuePulse{}
	for name, config := range queues {
		p.queues[name] = &queuePulse{limit: config.MaxWorkers, moved: time.Now()}
	}
}

// occupy records that a job uses a slot of a queue. The returned function records that the
// slot is free again.
func (p *pulse) occupy(queue string) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.queues[queue]
	if q == nil {
		return func() {}
	}
	q.busy++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		q.busy--
		q.moved = time.Now()
	}
}

// MetricEmit records that River has fetched jobs.
func (p *pulse) MetricEmit(_ context.Context, params *rivertype.HookMetricEmitParams) {
	fetched, ok := params.Metric.(*rivertype.JobGetAvailableDurationMetric)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if q := p.queues[fetched.Queue]; q != nil {
		q.moved = time.Now()
	}
}

// check returns an error that names the loops that are stuck. A loop that waits for the
// state database is not.
func (p *pulse) check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	if silence := time.Since(p.reclaimed); !p.reclaimed.IsZero() && silence > stallTime {
		errs = append(errs, fmt.Errorf("the reclaim loop has been stuck for %s", silence.Round(time.Second)))
	}
	if p.answered.IsZero() || time.Since(p.answered) <= stallTime {
		return errors.Join(errs...)
	}
	for name, q := range p.queues {
		if silence := time.Since(q.moved); q.busy < q.limit && silence > stallTime {
			errs = append(errs, fmt.Errorf("the fetch loop of queue %s has been stuck for %s", short(name), silence.Round(time.Second)))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// Alive returns an error while a loop of the worker is stuck, so that the process should be
// restarted. It does not depend on the databases: a restart would not repair them.
func (w *Worker) Alive() error { return w.pulse.check() }
