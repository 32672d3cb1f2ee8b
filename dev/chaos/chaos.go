// Package chaos injects faults while the product exports, and checks that the files
// are correct.
//
// It runs the built program (an API and some workers) as processes, with a PostgreSQL
// and an S3 server of its own, while writers change the data. The expected files come
// from PostgreSQL under the same snapshot. It knows the product by its command line, its
// HTTP answers and its tables, and shares no code with it.
package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Options say what to run.
type Options struct {
	// Program is the path of the built product.
	Program string
	// LogDir is a folder for the logs of its processes.
	LogDir string
	// Runs is how often each fault strikes; 0 means once.
	Runs int
	// Only runs the faults whose names contain it; empty means all.
	Only string
	// Short runs the few that take seconds and show the most.
	Short bool
	// Log takes a line for each run.
	Log io.Writer
}

// outcome is what became of one run.
type outcome struct {
	difference
	took        time.Duration
	generations int // how often it was begun
	attempts    int // the most that a part needed
}

// add sums up two runs.
func (o *outcome) add(other outcome) {
	o.lost, o.doubled, o.foreign = o.lost+other.lost, o.doubled+other.doubled, o.foreign+other.foreign
	o.took = max(o.took, other.took)
	o.generations, o.attempts = max(o.generations, other.generations), max(o.attempts, other.attempts)
}

// trial is something to run several times.
type trial struct {
	name string
	run  func(context.Context) (outcome, error)
}

// Run lets each fault strike and returns the table of what became of the
// exports. The error says that something was not as it must be.
func Run(ctx context.Context, opts Options) (table Table, err error) {
	opts.Runs = max(opts.Runs, 1)
	f, err := openField(ctx, opts)
	if err != nil {
		return table, err
	}
	defer func() { err = errors.Join(err, f.close()) }()

	var errs []error
	for _, t := range f.trials(opts) {
		row := Row{Name: t.name}
		for run := 1; run <= opts.Runs && ctx.Err() == nil; run++ {
			o, err := f.try(ctx, t)
			row.add(o, err)
			_, _ = fmt.Fprintf(opts.Log, "%s, run %d: %s\n", t.name, run, describe(o, err))
			if err != nil {
				errs = append(errs, fmt.Errorf("%s, run %d: %w", t.name, run, err))
			}
		}
		table = append(table, row)
	}
	return table, errors.Join(append(errs, ctx.Err())...)
}

// trials are the runs that the options ask for.
func (f *field) trials(opts Options) (all []trial) {
	add := func(name string, short bool, run func(context.Context) (outcome, error)) {
		if (short || !opts.Short) && strings.Contains(name, opts.Only) {
			all = append(all, trial{name, run})
		}
	}
	for _, fault := range faults {
		add(fault.name, fault.short, func(ctx context.Context) (outcome, error) { return f.strike(ctx, fault) })
	}
	add("two exports chained by _since", true, f.chain)
	add("two exports chained by _since, from a hot standby", true, f.chainOnStandby)
	add("a hot standby cancels whoever is in the way of recovery", false, f.conflictOnStandby)
	each := 20 // exports, and dumps
	if opts.Short {
		each = 4
	}
	add("two hot standbys behind a balancer, one of them delayed", true, f.onTwoStandbys(each))
	add("two promoted clones behind a balancer", false, f.onTwoClones(each))
	add("two hot standbys behind a balancer, one of which stops", false, f.onOneOfTwo(2, stopReplica))
	add("two hot standbys behind a balancer, one of which is promoted", false, f.onOneOfTwo(1, promoteReplica))
	for i, moment := range cancelMoments {
		add(moment.name, i == len(cancelMoments)/2, func(ctx context.Context) (outcome, error) { return f.cancelAt(ctx, moment.reached) })
	}
	return all
}

// try runs a trial and puts the field in order for the next.
func (f *field) try(ctx context.Context, t trial) (outcome, error) {
	f.proxy.set(fine)
	o, err := t.run(ctx)
	f.proxy.set(calm)
	return o, errors.Join(err, f.untilClean(ctx), f.revive(), f.sweep(ctx))
}

// strike runs an export with a fault in its middle and compares its files with
// what the snapshot of its last generation showed.
func (f *field) strike(ctx context.Context, fault fault) (o outcome, err error) {
	e, err := f.kickOff(ctx, "")
	if err != nil {
		return o, err
	}
	defer e.rest()
	if err := fault.strike(ctx, e); err != nil {
		// What comes next should not find it running.
		_, endErr := e.untilEnd(ctx)
		return o, errors.Join(err, endErr)
	}
	o, _, _, err = f.finish(ctx, e)
	return o, err
}

// finish waits for the export's end and reads and compares its files.
func (f *field) finish(ctx context.Context, e *export) (o outcome, m manifest, files map[version]int, err error) {
	end, err := e.untilEnd(ctx)
	if err != nil {
		return o, m, nil, err
	}
	e.rest()
	o.took, o.generations, o.attempts = time.Since(e.begun), end.generation, end.attempts
	if end.state != "completed" {
		return o, m, nil, fmt.Errorf("the export %s: %s", end.state, end.failure)
	}
	state, err := e.oracle.of(end.generation)
	if err != nil {
		return o, m, nil, err
	}
	f.proxy.set(calm)
	if m, files, err = f.readFiles(ctx, e.id); err != nil {
		return o, m, nil, err
	}
	o.difference = compare(files, state)
	return o, m, files, o.err()
}

// err is not nil if the files differ.
func (d difference) err() error {
	if d == (difference{}) {
		return nil
	}
	return fmt.Errorf("%d versions lost, %d doubled, %d not of the snapshot", d.lost, d.doubled, d.foreign)
}
