package chaos

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// outcome is the result of one run, or of several.
type outcome struct {
	difference
	took        time.Duration
	generations int // the number of snapshots
	attempts    int // the largest number of attempts of a part
}

func (o *outcome) add(other outcome) {
	o.lost, o.doubled, o.foreign = o.lost+other.lost, o.doubled+other.doubled, o.foreign+other.foreign
	o.took = max(o.took, other.took)
	o.generations, o.attempts = max(o.generations, other.generations), max(o.attempts, other.attempts)
}

// difference counts the versions that the files lack, that they contain more than once,
// and that they contain although the snapshot does not.
type difference struct{ lost, doubled, foreign int }

func compare(files map[version]int, snapshot map[version]bool) (d difference) {
	for v := range snapshot {
		if files[v] == 0 {
			d.lost++
		}
	}
	for v, count := range files {
		d.doubled += count - 1
		if !snapshot[v] {
			d.foreign++
		}
	}
	return d
}

func (d difference) err() error {
	if d == (difference{}) {
		return nil
	}
	return fmt.Errorf("%d versions lost, %d doubled, %d not of the snapshot", d.lost, d.doubled, d.foreign)
}

// Table is the outcome of all scenarios.
type Table []row

// row is the outcome of all runs of a scenario.
type row struct {
	name         string
	runs, broken int
	outcome
	times []time.Duration // of the runs that came to an end
}

func (r *row) add(o outcome, err error) {
	r.runs++
	if err != nil {
		r.broken++
	}
	if o.took > 0 {
		r.times = append(r.times, o.took)
	}
	r.outcome.add(o)
}

func (r *row) median() string {
	if len(r.times) == 0 {
		return "-"
	}
	return seconds(slices.Sorted(slices.Values(r.times))[len(r.times)/2])
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// String formats the table for a terminal. The times are those from the kick-off to the
// end of an export; if it is canceled, from then until everything is cleaned up.
func (t Table) String() string {
	var text strings.Builder
	out := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	// Writing to a strings.Builder never fails.
	_, _ = fmt.Fprintln(out, "fault\truns\tmedian\tmax\tsnapshots\tattempts\tlost\tdoubled\tforeign\tbroken runs")
	for _, r := range t {
		_, _ = fmt.Fprintf(out, "%s\t%d\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\n", r.name, r.runs, r.median(), seconds(r.took),
			r.generations, r.attempts, r.lost, r.doubled, r.foreign, r.broken)
	}
	_ = out.Flush()
	return text.String()
}
