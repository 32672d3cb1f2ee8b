package chaos

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Table is what became of all runs, a row for each fault.
type Table []Row

// Row sums up the runs under one fault.
type Row struct {
	Name string
	// Runs is the number of runs; Broken is the number of runs with an error.
	Runs, Broken int
	// Lost, Doubled and Foreign count the versions that are missing in the
	// files, there more than once, and there though the snapshot has them not.
	Lost, Doubled, Foreign int
	// Generations is the largest number of snapshots an export needed, Attempts
	// the largest number of attempts a part needed.
	Generations, Attempts int

	took []time.Duration
}

func (r *Row) add(o outcome, err error) {
	r.Runs++
	if err != nil {
		r.Broken++
	}
	if o.took > 0 {
		r.took = append(r.took, o.took)
	}
	r.Lost += o.lost
	r.Doubled += o.doubled
	r.Foreign += o.foreign
	r.Generations, r.Attempts = max(r.Generations, o.generations), max(r.Attempts, o.attempts)
}

// times returns the median and the longest of the runs that came to an end.
func (r *Row) times() (median, longest string) {
	if len(r.took) == 0 {
		return "-", "-"
	}
	sorted := slices.Sorted(slices.Values(r.took))
	return seconds(sorted[len(sorted)/2]), seconds(sorted[len(sorted)-1])
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// String is the table for a terminal. The time is that from the kick-off to the
// end, and with a cancel from that until nothing is left.
func (t Table) String() string {
	var text strings.Builder
	out := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	// A strings.Builder takes everything.
	_, _ = fmt.Fprintln(out, "fault\truns\tmedian\tmax\tsnapshots\tattempts\tlost\tdoubled\tforeign\tbroken runs")
	for _, row := range t {
		median, longest := row.times()
		_, _ = fmt.Fprintf(out, "%s\t%d\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\n", row.Name, row.Runs, median, longest,
			row.Generations, row.Attempts, row.Lost, row.Doubled, row.Foreign, row.Broken)
	}
	_ = out.Flush()
	return text.String()
}

// describe is one run in a line.
func describe(o outcome, err error) string {
	if err != nil {
		return "BROKEN: " + err.Error()
	}
	return fmt.Sprintf("right, after %s", seconds(o.took))
}
