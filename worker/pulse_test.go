package worker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"
)

// A worker is alive while its loops turn. A loop that has nothing to do, because no slot is
// free or the state database is down, does not hang.
func TestPulse(t *testing.T) {
	t.Parallel()
	const queue = "sluice_part"
	for name, test := range map[string]struct {
		do   func(p *pulse)
		want string // in the error after 31 seconds
	}{
		"before it runs": {func(*pulse) {}, ""},
		"turning": {func(p *pulse) {
			time.Sleep(10 * time.Second)
			p.turn()
			p.fetch(queue)
		}, ""},
		"reclaiming hangs": {func(p *pulse) {
			time.Sleep(10 * time.Second)
			p.fetch(queue)
		}, "the reclaim loop has been stuck for 31s"},
		"fetching hangs": {func(p *pulse) {
			time.Sleep(10 * time.Second)
			p.turn()
		}, "the fetch loop of queue part has been stuck for 31s"},
		"no free slot": {func(p *pulse) {
			p.occupy(queue)
			time.Sleep(10 * time.Second)
			p.turn()
		}, ""},
		"slot freed": {func(p *pulse) {
			free := p.occupy(queue)
			time.Sleep(10 * time.Second)
			p.turn()
			free()
		}, ""},
		"database down": {func(p *pulse) {
			p.reach(false)
			time.Sleep(10 * time.Second)
			p.turn()
		}, ""},
		"database just up again": {func(p *pulse) {
			p.reach(false)
			time.Sleep(10 * time.Second)
			p.turn()
			p.reach(true)
		}, ""},
		"not taking jobs": {func(p *pulse) {
			time.Sleep(10 * time.Second)
			p.turn()
			p.start(nil)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, began := &pulse{}, time.Now()
				if name != "before it runs" {
					p.turn()
					p.reach(true)
					p.start(map[string]river.QueueConfig{queue: {MaxWorkers: 1}})
				}
				test.do(p)
				require.NoError(t, p.check())
				time.Sleep(31*time.Second - time.Since(began))
				if test.want == "" {
					require.NoError(t, p.check())
				} else {
					require.ErrorContains(t, p.check(), test.want)
				}
			})
		})
	}
}

// fetch is a fetch by River.
func (p *pulse) fetch(queue string) {
	p.MetricEmit(context.Background(), &rivertype.HookMetricEmitParams{Metric: &rivertype.JobGetAvailableDurationMetric{Queue: queue}})
}
