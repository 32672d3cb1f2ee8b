// Package chaos injects faults while the product exports, and checks that the files
// are correct.
//
// It runs the built program (an API and some workers) as processes, with a PostgreSQL
// and an S3 server of its own, while writers change the data. The expected files come
// from PostgreSQL under the same snapshot.
package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/dev/product"
)

// Options describe what to run.
type Options struct {
	// Program is the path of the built product.
	Program string
	// LogDir is the directory for the logs of its processes.
	LogDir string
	// Runs is the number of runs of each scenario. Default: 1.
	Runs int
	// Only selects the scenarios whose names contain it; empty means all.
	Only string
	// Short selects the few scenarios that take seconds and find most errors.
	Short bool
	// Log receives a line for each run.
	Log io.Writer
}

// scenario is run several times.
type scenario struct {
	name  string
	short bool // belongs to the short form
	run   func(context.Context) (outcome, error)
}

// Run runs the scenarios and returns the table of the outcomes. The error reports what
// is wrong.
func Run(ctx context.Context, opts Options) (table Table, err error) {
	h, err := openHarness(ctx, opts)
	if err != nil {
		return table, err
	}
	defer func() { err = errors.Join(err, h.close()) }()

	var errs []error
	for _, s := range h.scenarios(opts.Short) {
		if opts.Short && !s.short || !strings.Contains(s.name, opts.Only) {
			continue
		}
		r := row{name: s.name}
		for run := 1; run <= max(opts.Runs, 1) && ctx.Err() == nil; run++ {
			o, err := h.try(ctx, s)
			r.add(o, err)
			result := fmt.Sprintf("correct, after %s", seconds(o.took))
			if err != nil {
				result = "BROKEN: " + err.Error()
				errs = append(errs, fmt.Errorf("%s, run %d: %w", s.name, run, err))
			}
			_, _ = fmt.Fprintf(opts.Log, "%s, run %d: %s\n", s.name, run, result)
		}
		table = append(table, r)
	}
	return table, errors.Join(append(errs, ctx.Err())...)
}

func (h *harness) scenarios(short bool) []scenario {
	each := 20 // exports, and dumps
	if short {
		each = 4
	}
	var all []scenario
	for _, f := range faults {
		all = append(all, scenario{f.name, f.short, func(ctx context.Context) (outcome, error) { return h.strike(ctx, f.inject) }})
	}
	all = append(all,
		scenario{"tables of two views joined, kill -9 of a worker that reads a part", true, h.joining(toReader(kill))},
		scenario{"tables of two views joined, kill -9 of all workers, and a later start", false, h.joining(killAll)},
		scenario{"two exports chained by _since", true, h.chain},
		scenario{"two exports chained by _since, from a hot standby", true, h.chainOnStandby},
		scenario{"a hot standby cancels sessions that conflict with recovery", false, h.conflictOnStandby},
		scenario{"two hot standbys behind a balancer, one of them delayed", true, h.loadReplicas(each, h.delayStandby)},
		scenario{"two promoted clones behind a balancer", false, h.loadReplicas(each, h.promoteAll)},
		scenario{"two hot standbys behind a balancer, one of which stops", false, h.onHolder(2, stopReplica)},
		scenario{"two hot standbys behind a balancer, one of which is promoted", false, h.onHolder(1, promoteReplica)})
	for i, c := range cancellations {
		all = append(all, scenario{c.name, i == len(cancellations)/2, func(ctx context.Context) (outcome, error) { return h.cancelAt(ctx, c.reached) }})
	}
	return all
}

// try runs a scenario and prepares the harness for the next.
func (h *harness) try(ctx context.Context, s scenario) (outcome, error) {
	h.proxy.set(normal)
	o, err := s.run(ctx)
	h.proxy.set(fast)
	return o, errors.Join(err, h.waitClean(ctx), h.revive(), h.removeUploads(ctx))
}

// strike runs an export, injects a fault in the middle of it, and compares its files with
// the snapshot of its last generation. inject returns when the fault is over; processes
// that are still down are started after the export's end. nil injects none.
func (h *harness) strike(ctx context.Context, inject func(context.Context, *export) error) (outcome, error) {
	return h.strikeAt(ctx, 0.1+0.5*rand.Float64(), inject)
}

// strikeAt is strike when a share of the parts is done.
func (h *harness) strikeAt(ctx context.Context, share float64, inject func(context.Context, *export) error) (o outcome, err error) {
	e, err := h.kickOff(ctx, "")
	if err != nil {
		return o, err
	}
	defer e.stopOracle()
	if inject != nil {
		if err = e.waitShare(ctx, share); err == nil {
			err = inject(ctx, e)
		}
	}
	if err != nil {
		// The next scenario must not find it running.
		_, endErr := e.waitEnd(ctx)
		return o, errors.Join(err, endErr)
	}
	r, err := e.result(ctx)
	if err != nil {
		return r.outcome, err
	}
	r.difference = compare(r.files, r.snapshot)
	return r.outcome, r.err()
}

// result is a complete export.
type result struct {
	outcome
	manifest product.Manifest
	files    map[version]int
	snapshot map[version]bool
}

// result waits for the export's end and reads its files.
func (e *export) result(ctx context.Context) (r result, err error) {
	end, err := e.waitEnd(ctx)
	if err != nil {
		return r, err
	}
	e.stopOracle()
	r.took, r.generations, r.attempts = time.Since(e.started), end.generation, end.attempts
	if end.state != "completed" {
		return r, fmt.Errorf("the export %s: %s", end.state, end.failure)
	}
	if r.snapshot, err = e.oracle.versions(end.generation); err != nil {
		return r, err
	}
	e.harness.proxy.set(fast)
	r.manifest, r.files, err = e.harness.readFiles(ctx, e.id)
	return r, err
}
