package bench

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 3, median([]float64{9, 1, 3}), 0)
	require.InDelta(t, 2.5, median([]float64{4, 1, 3, 2}), 0)
	require.True(t, math.IsNaN(median(nil)))

	values := []float64{2, 1}
	median(values)
	require.Equal(t, []float64{2, 1}, values, "the values stay in the order of the rounds")
}

func TestDeviation(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 1, deviation([]float64{1, 2, 3, 100, 1}), 0, "an outlier counts once")
	require.InDelta(t, 0, deviation([]float64{5}), 0)
	require.InDelta(t, 2, deviation([]float64{1, 3, 5, 7, 9}), 0)
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	values := make([]float64, 200)
	for i := range values {
		values[len(values)-1-i] = float64(i + 1)
	}
	require.InDelta(t, 198, quantile(values, 0.99), 0)
	require.InDelta(t, 100, quantile(values, 0.5), 0)
	require.InDelta(t, 200, quantile(values, 1), 0)
	require.InDelta(t, 7, quantile([]float64{7}, 0.99), 0)
}

// The ratio is that of the medians, whatever one round measures.
func TestSpeed(t *testing.T) {
	t.Parallel()
	copied := &Measure{Name: "COPY", Samples: []Sample{{Seconds: 2}, {Seconds: 90}, {Seconds: 2}}}
	dumped := &Measure{Name: "dump", Samples: []Sample{{Seconds: 1}, {Seconds: 1}, {Seconds: 0.1}}, Against: []Comparison{{Name: "COPY", Target: 1.3}}}
	alone := &Measure{Name: "alone", Samples: dumped.Samples, Against: []Comparison{{Name: "nothing", Target: 1}}}
	r := &Report{Measures: []*Measure{copied, dumped, alone}}

	require.InDelta(t, 2, r.speed(dumped, "COPY"), 0)
	require.Equal(t, "2.00 (1.30)", r.ratios(dumped))
	require.Equal(t, "- (1.00)", r.ratios(alone), "the other was not measured")
	require.Equal(t, "-", r.ratios(copied))
	dumped.Against[0].As = "of COPY"
	require.Equal(t, "2.00 (1.30) of COPY", r.ratios(dumped))
}

// Processor time refers to a GB of text, of one process or of all.
func TestPerGB(t *testing.T) {
	t.Parallel()
	m := &Measure{Text: 2e9, Samples: []Sample{{CPU: map[string]float64{"postgres": 3, "client": 1}}}}
	require.InDelta(t, 1.5, m.perGB("postgres"), 0)
	require.InDelta(t, 2, m.perGB("all"), 0)
	require.True(t, math.IsNaN(m.perGB("s3")))
}
