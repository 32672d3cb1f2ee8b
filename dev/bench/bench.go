// Package bench measures the product, compared with PostgreSQL's own COPY, which is the
// limit, and with psql and gzip, which is what a user without Sluice has.
//
// It runs the built program (an API and a worker) as processes, with a PostgreSQL and an
// S3 server of its own, and reads from the kernel what each of them uses. It knows the
// product by its command line and its HTTP answers, and shares no code with it. A missed
// target is reported; wrong data is an error.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Options describe what to measure.
type Options struct {
	// Program is the path of the built product.
	Program string
	// LogDir is the directory for the logs of the processes.
	LogDir string
	// Size is the approximate number of bytes of jsonb text in the data set.
	Size int64
	// Rounds is the number of samples of each measure. Default: 1.
	Rounds int
	// FirstRows is the number of rows of the table for the latency of the first byte; 0
	// skips that measure.
	FirstRows int
	// KickOffs is the number of exports that are kicked off while another one runs.
	KickOffs int
	// Form is the form in which Sluice reads jsonb, stored or text.
	Form string
	// Only selects the measures whose names contain it, and those they are compared with;
	// empty means all.
	Only string
	// Log receives progress messages.
	Log io.Writer
}

// slowRounds is the maximum number of samples of slow measures.
const slowRounds = 2

// Run runs the selected measures. An error is a failure, not a missed target.
func Run(ctx context.Context, opts Options) (report *Report, err error) {
	opts.Rounds = max(opts.Rounds, 1)
	h, err := openHarness(ctx, opts)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.close()) }()

	if report, err = h.describe(ctx); err != nil {
		return nil, err
	}
	all := h.choose(h.measures())
	if err := h.check(ctx, all); err != nil {
		return nil, err
	}
	if err := h.rounds(ctx, all); err != nil {
		return nil, err
	}
	for _, m := range all {
		report.Measures = append(report.Measures, &m.Measure)
	}
	report.Latencies, err = h.latencies(ctx)
	return report, err
}

// measure is a Measure and how to take it.
type measure struct {
	Measure
	slow  bool // runs in slowRounds only
	run   func(context.Context) (Sample, error)
	lines func(context.Context) (int64, error) // counts the lines of the output; nil if that is not possible
}

// measures returns all measures, in the order of a round.
func (h *harness) measures() []*measure {
	all := append(h.copies(), h.dumps()...)
	all = append(all, h.exports()...)
	all = append(all, h.fetches()...)
	return append(all, h.tableMeasures()...)
}

// choose returns the selected measures and those they are compared with.
func (h *harness) choose(all []*measure) (chosen []*measure) {
	needed := map[string]bool{}
	for _, m := range all {
		if h.wanted(m.Name) {
			needed[m.Name] = true
			for _, c := range m.Against {
				needed[c.Name] = true
			}
		}
	}
	for _, m := range all {
		if needed[m.Name] {
			chosen = append(chosen, m)
		}
	}
	return chosen
}

// target returns the target for the form in which Sluice reads jsonb. With text, it is the
// least that Sluice reached before it could read the stored form.
func (h *harness) target(stored, text float64) float64 {
	if h.opts.Form == "text" {
		return text
	}
	return stored
}

// databaseTarget is the target for the processor time of PostgreSQL.
func (h *harness) databaseTarget() map[string]float64 {
	return map[string]float64{"postgres": h.target(1.8, 5.6)}
}

func (h *harness) wanted(name string) bool {
	return strings.Contains(strings.ToLower(name), strings.ToLower(h.opts.Only))
}

// check compares the number of lines of each measure with the rows of its tables. It also
// warms up all caches.
func (h *harness) check(ctx context.Context, all []*measure) error {
	for _, m := range all {
		if m.lines == nil {
			continue
		}
		h.log("checking %s", m.Name)
		lines, err := m.lines(ctx)
		if err != nil {
			return fmt.Errorf("check %s: %w", m.Name, err)
		}
		if lines != m.Rows {
			return fmt.Errorf("%s returned %d lines for %d rows", m.Name, lines, m.Rows)
		}
	}
	return nil
}

// rounds takes one sample of each measure per round, so that other load on the machine
// affects all alike.
func (h *harness) rounds(ctx context.Context, all []*measure) error {
	for round := 1; round <= h.opts.Rounds; round++ {
		for _, m := range all {
			if m.slow && round > slowRounds {
				continue
			}
			sample, err := m.run(ctx)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", m.Name, round, err)
			}
			m.Samples = append(m.Samples, sample)
			h.log("round %d: %s: %.2f s", round, m.Name, sample.Seconds)
		}
	}
	return nil
}

func (h *harness) log(format string, args ...any) {
	_, _ = fmt.Fprintf(h.opts.Log, format+"\n", args...)
}
