package bench

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
)

// Report is what was found, with every single sample.
type Report struct {
	Machine   Machine           `json:"machine"`
	Versions  map[string]string `json:"versions"`
	Settings  []string          `json:"settings"` // of the servers
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

// Measure is something that takes time and what it took.
type Measure struct {
	Name    string       `json:"name"`
	Rows    int64        `json:"rows"`      // that it reads
	Text    int64        `json:"textBytes"` // of jsonb, that it reads
	Against []Comparison `json:"against,omitempty"`
	// PeakTarget is the resident memory, in bytes, that Sluice should stay
	// below; 0 if there is no such target.
	PeakTarget int64    `json:"peakTarget,omitempty"`
	Samples    []Sample `json:"samples"`
}

// Comparison names a measure of the same work and how many times as fast as
// that this one should be; 0 if it is only of interest.
type Comparison struct {
	Name   string  `json:"name"`
	Target float64 `json:"target,omitempty"`
}

// Sample is one run.
type Sample struct {
	Seconds float64            `json:"seconds"`
	CPU     map[string]float64 `json:"cpuSeconds"`          // by process
	Peak    int64              `json:"peakBytes,omitempty"` // resident memory of Sluice
	Bytes   int64              `json:"bytes,omitempty"`     // that came, where it is known
}

// Latency is something to wait for that is short.
type Latency struct {
	Name   string    `json:"name"`
	Share  float64   `json:"share"`  // the quantile that has a target
	Target float64   `json:"target"` // in milliseconds
	Millis []float64 `json:"milliseconds"`
}

// of collects one number of each sample.
func (m *Measure) of(number func(Sample) float64) []float64 {
	values := make([]float64, len(m.Samples))
	for i, s := range m.Samples {
		values[i] = number(s)
	}
	return values
}

func (m *Measure) seconds() []float64 { return m.of(func(s Sample) float64 { return s.Seconds }) }

// peak is the most that any run took.
func (m *Measure) peak() (most int64) {
	for _, s := range m.Samples {
		most = max(most, s.Peak)
	}
	return most
}

// find is the measure with this name, or nil.
func (r *Report) find(name string) *Measure {
	for _, m := range r.Measures {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// speed is how many times as fast as the named one a measure is; NaN if that
// one was not measured.
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
