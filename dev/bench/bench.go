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
	"os"
	"strings"
)

// Options say what to measure.
type Options struct {
	// Program is the path of the built product.
	Program string
	// LogDir is a folder for the logs of the processes.
	LogDir string
	// Size is about how many bytes of jsonb text the data set has in all.
	Size int64
	// Rounds is how often each thing is measured; 0 means once.
	Rounds int
	// FirstRows is the number of rows of the table whose first byte is waited
	// for; 0 leaves that out.
	FirstRows int
	// KickOffs is how many exports are kicked off while another one runs.
	KickOffs int
	// Only measures what has this in its name, and what that is compared with;
	// empty means everything.
	Only string
	// Log takes a sentence a line on what is being done.
	Log io.Writer
}

// slowRounds is how often at most the slow ones among the competitors run.
const slowRounds = 2

// Run measures all that the options ask for. The error says that something
// went wrong, never that something was slow.
func Run(ctx context.Context, opts Options) (report *Report, err error) {
	opts.Rounds = max(opts.Rounds, 1)
	f, err := openField(ctx, opts)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.close()) }()

	if report, err = f.describe(ctx); err != nil {
		return nil, err
	}
	all := f.choose(f.measures())
	if err := f.check(ctx, all); err != nil {
		return nil, err
	}
	if err := f.rounds(ctx, all); err != nil {
		return nil, err
	}
	for _, m := range all {
		report.Measures = append(report.Measures, &m.Measure)
	}
	report.Latencies, err = f.latencies(ctx)
	return report, err
}

// measure is something to measure, and what was found.
type measure struct {
	Measure
	slow  bool // not in every round
	run   func(context.Context) (Sample, error)
	lines func(context.Context) (int64, error) // counts them; nil if there is no telling
}

// measures are all there are, in the order of a round.
func (f *field) measures() []*measure {
	all := append(f.copies(), f.dumps()...)
	return append(all, f.exports()...)
}

// choose leaves out what the options do not name, unless something else is
// compared with it.
func (f *field) choose(all []*measure) (chosen []*measure) {
	needed := map[string]bool{}
	for _, m := range all {
		if f.wanted(m.Name) {
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

func (f *field) wanted(name string) bool {
	return strings.Contains(strings.ToLower(name), strings.ToLower(f.opts.Only))
}

// check runs what can be counted once and compares it with the tables. That
// warms all caches up, too.
func (f *field) check(ctx context.Context, all []*measure) error {
	for _, m := range all {
		if m.lines == nil {
			continue
		}
		f.say("checking %s", m.Name)
		lines, err := m.lines(ctx)
		if err != nil {
			return fmt.Errorf("check %s: %w", m.Name, err)
		}
		if lines != m.Rows {
			return fmt.Errorf("%s gives %d lines for %d rows", m.Name, lines, m.Rows)
		}
	}
	return nil
}

// rounds measures one after the other, and that several times, so that what
// else the machine does strikes all alike.
func (f *field) rounds(ctx context.Context, all []*measure) error {
	for round := 1; round <= f.opts.Rounds; round++ {
		for _, m := range all {
			if m.slow && round > slowRounds {
				continue
			}
			sample, err := m.run(ctx)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", m.Name, round, err)
			}
			m.Samples = append(m.Samples, sample)
			f.say("round %d: %s: %.2f s", round, m.Name, sample.Seconds)
		}
	}
	return nil
}

func (f *field) say(format string, args ...any) {
	// There is no better place to report that reporting failed.
	_, _ = fmt.Fprintf(f.opts.Log, format+"\n", args...)
}

func openLog(path string) (*os.File, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return file, nil
}
