package bench

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// String formats the report for a terminal.
func (r *Report) String() string {
	var out strings.Builder
	r.writeHead(&out)
	r.writeMeasures(&out)
	r.writeGrowth(&out)
	r.writeLatencies(&out)
	return out.String()
}

func (r *Report) writeHead(out *strings.Builder) {
	m := r.Machine
	fmt.Fprintf(out, "%d × %s, %s, %s; load %s before the rounds\n", m.Processors, m.Processor, m.Memory, m.Kernel, m.Load)
	var versions []string
	for _, v := range r.Versions {
		versions = append(versions, v)
	}
	slices.Sort(versions)
	fmt.Fprintf(out, "%s\n%s\n", strings.Join(slices.Compact(versions), "; "), strings.Join(r.Settings, " "))
	if len(r.Missing) > 0 {
		fmt.Fprintf(out, "Not found, so not compared: %s\n", strings.Join(r.Missing, ", "))
	}
	var data []string
	for _, t := range r.Tables {
		data = append(data, fmt.Sprintf("%s %d rows, %.1f MB", t.Type, t.Rows, float64(t.Text)/1e6))
	}
	fmt.Fprintf(out, "jsonb text: %s\nSluice reads jsonb in this form: %s\n\n", strings.Join(data, "; "), r.Form)
}

// processes are the columns of processor time. The client is curl, sluice dump, or psql
// and what it is piped to.
var processes = []string{"sluice", "postgres", "s3", "client", "all"}

// writeMeasures writes one line per measure. Speeds refer to jsonb text, and so does the
// processor time; on a busy machine it is more reliable than elapsed time.
func (r *Report) writeMeasures(out *strings.Builder) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "measure\truns\tseconds\t±\tMB/s\trows/s\tratio (target)\tCPU s/GB (below): %s\tpeak MiB (below)\n", strings.Join(processes, "\t"))
	for _, m := range r.Measures {
		if len(m.Samples) == 0 {
			continue
		}
		took := median(m.seconds())
		_, _ = fmt.Fprintf(w, "%s\t%d\t%.2f\t%.2f\t%.0f\t%.0f\t%s", m.Name, len(m.Samples), took, deviation(m.seconds()),
			float64(m.Text)/1e6/took, float64(m.Rows)/took, r.ratios(m))
		for _, name := range processes {
			_, _ = fmt.Fprintf(w, "\t%s", withTarget(m.perGB(name), m.CPUTargets[name]))
		}
		_, _ = fmt.Fprintf(w, "\t%s\n", peak(m))
	}
	_ = w.Flush() // a Builder never fails
}

func (r *Report) ratios(m *Measure) string {
	var all []string
	for _, c := range m.Against {
		all = append(all, strings.TrimSpace(withTarget(r.speed(m, c.Name), c.Target)+" "+c.As))
	}
	return cmp.Or(strings.Join(all, ", "), "-")
}

func peak(m *Measure) string {
	if m.peak() == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f (%d)", float64(m.peak())/(1<<20), m.PeakTarget>>20)
}

// withTarget formats a value and its target; 0 means that it has none.
func withTarget(value, target float64) string {
	text := number("%.2f", value)
	if target != 0 {
		text += fmt.Sprintf(" (%.2f)", target)
	}
	return text
}

// number formats a value; NaN as "-".
func number(format string, value float64) string {
	if math.IsNaN(value) {
		return "-"
	}
	return fmt.Sprintf(format, value)
}

// writeGrowth compares the dump of a table with the dump of its first tenth.
func (r *Report) writeGrowth(out *strings.Builder) {
	large, tenth := r.find(wholeDump), r.find(tenthDump)
	if large == nil || tenth == nil || tenth.Rows == 0 {
		return
	}
	fmt.Fprintf(out, "\n%.1f times the rows: %s times the time; peak %.0f MiB instead of %.0f MiB\n",
		float64(large.Rows)/float64(tenth.Rows), number("%.1f", median(large.seconds())/median(tenth.seconds())),
		float64(large.peak())/(1<<20), float64(tenth.peak())/(1<<20))
}

func (r *Report) writeLatencies(out *strings.Builder) {
	for _, l := range r.Latencies {
		fmt.Fprintf(out, "%s: median %.1f ms, 99 %% within %.1f ms, longest %.1f ms of %d (target: %.0f %% within %.0f ms)\n", l.Name,
			median(l.Millis), quantile(l.Millis, 0.99), quantile(l.Millis, 1), len(l.Millis), l.Share*100, l.Target)
	}
}
