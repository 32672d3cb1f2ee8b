package bench

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
)

// Report is the result, with all samples.
type Report struct {
	Machine   Machine           `json:"machine"`
	Versions  map[string]string `json:"versions"`
	Settings  []string          `json:"settings"` // of PostgreSQL
	Form      string            `json:"form"`     // in which Sluice read jsonb
	Missing   []string          `json:"missing,omitempty"`
	Tables    []Table           `json:"tables"`
	Measures  []*Measure        `json:"measures"`
	Latencies []Latency         `json:"latencies"`
}

// Table is a table of the data set.
type Table struct {
	Type string `json:"type"`
	Rows int64  `json:"rows"`
	Text int64  `json:"textBytes"` // of jsonb
}

// Measure is an operation and its samples.
type Measure struct {
	Name    string       `json:"name"`
	Rows    int64        `json:"rows"`      // read by it
	Text    int64        `json:"textBytes"` // jsonb read by it
	Against []Comparison `json:"against,omitempty"`
	// PeakTarget is the target for the resident memory of Sluice, in bytes; 0 means no
	// target.
	PeakTarget int64 `json:"peakTarget,omitempty"`
	// CPUTargets are targets for the processor seconds per GB of text, by process and for
	// "all".
	CPUTargets map[string]float64 `json:"cpuTargets,omitempty"`
	Samples    []Sample           `json:"samples"`
}

// Comparison names another measure of the same work, and the target for the ratio of their
// speeds; 0 means no target. As is what the table calls it, if it is not the limit.
type Comparison struct {
	Name   string  `json:"name"`
	As     string  `json:"as,omitempty"`
	Target float64 `json:"target,omitempty"`
}

// Sample is one run.
type Sample struct {
	Seconds float64            `json:"seconds"`
	CPU     map[string]float64 `json:"cpuSeconds"`          // by process
	Peak    int64              `json:"peakBytes,omitempty"` // resident memory of Sluice
	Bytes   int64              `json:"bytes,omitempty"`     // received, if known
}

// Latency is a latency and its samples.
type Latency struct {
	Name   string    `json:"name"`
	Share  float64   `json:"share"`  // the quantile that has a target
	Target float64   `json:"target"` // in milliseconds
	Millis []float64 `json:"milliseconds"`
}

// values returns one number of each sample.
func (m *Measure) values(number func(Sample) float64) []float64 {
	values := make([]float64, len(m.Samples))
	for i, s := range m.Samples {
		values[i] = number(s)
	}
	return values
}

func (m *Measure) seconds() []float64 { return m.values(func(s Sample) float64 { return s.Seconds }) }

// peak returns the maximum of the samples.
func (m *Measure) peak() (peak int64) {
	for _, s := range m.Samples {
		peak = max(peak, s.Peak)
	}
	return peak
}

// perGB returns the median of the processor seconds per GB of text: of a process, or of all
// of them. It is NaN if the process took no part.
func (m *Measure) perGB(process string) float64 {
	seconds := m.values(func(s Sample) float64 { return s.cpu(process) })
	return median(seconds) / float64(m.Text) * 1e9
}

// cpu returns the processor time of a process, or of all of them.
func (s Sample) cpu(process string) float64 {
	if seconds, known := s.CPU[process]; known {
		return seconds
	}
	if process != "all" {
		return math.NaN()
	}
	var sum float64
	for _, seconds := range s.CPU {
		sum += seconds
	}
	return sum
}

// find returns the measure with a name, or nil.
func (r *Report) find(name string) *Measure {
	for _, m := range r.Measures {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// speed returns the ratio of the speeds of a measure and a named one; NaN if that one was
// not measured.
func (r *Report) speed(m *Measure, name string) float64 {
	other := r.find(name)
	if other == nil {
		return math.NaN()
	}
	return median(other.seconds()) / median(m.seconds())
}

// WriteFile writes the report as JSON.
func (r *Report) WriteFile(path string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := os.WriteFile(path, append(content, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
