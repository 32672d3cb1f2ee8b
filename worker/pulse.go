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

// stallTime is how long a loop of a worker may take for one turn.
const stallTime = 30 * time.Second

// pulse observes the loops of a worker: the one that reclaims the work of dead processes,
// and River's, which fetch the jobs of a queue. It tells a process that hangs from one
// whose database is down. It is a hook of River.
type pulse struct {
	river.HookDefaults

	mu sync.Mutex
	// reclaimed is when the loop that reclaims has last begun a turn; zero before Run.
	reclaimed time.Time
	// answered is since when the state database answers; zero while it does not.
	answered time.Time
	// queues are those that River fetches from, while it runs.
	queues map[string]*queuePulse
}

// queuePulse is what is known of the loop that fetches the jobs of a queue. Without a free
// slot it does not fetch.
type queuePulse struct {
	limit, busy int
	// moved is when it fetched last, or a slot became free.
	moved time.Time
}

var _ rivertype.HookMetricEmit = (*pulse)(nil)

// turn records a turn of the loop that reclaims.
func (p *pulse) turn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reclaimed = time.Now()
}

// reach records whether the state database answers.
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

// occupy records that a job takes a slot of a queue. The returned function records that it
// frees it.
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

// check returns an error that names the loops that hang. Loops that wait for the state
// database do not.
func (p *pulse) check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	if silence := time.Since(p.reclaimed); !p.reclaimed.IsZero() && silence > stallTime {
		errs = append(errs, fmt.Errorf("the loop that reclaims jobs hangs for %s", silence.Round(time.Second)))
	}
	if p.answered.IsZero() || time.Since(p.answered) <= stallTime {
		return errors.Join(errs...)
	}
	for name, q := range p.queues {
		if silence := time.Since(q.moved); q.busy < q.limit && silence > stallTime {
			errs = append(errs, fmt.Errorf("the loop that fetches jobs of %s hangs for %s", short(name), silence.Round(time.Second)))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// Alive returns an error while a loop of the worker hangs, so that the process should be
// restarted. It asks no database: one that is down is no reason for a restart.
func (w *Worker) Alive() error { return w.pulse.check() }
