package delivery

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/seed-90096f4d/sluice/api/endpoint"
)

// metrics are the metrics of files that Sluice sends itself.
type metrics struct {
	downloads *prometheus.CounterVec
	bytes     prometheus.Counter
}

// newMetrics returns the metrics, registered if registry is not nil.
func newMetrics(registry prometheus.Registerer) *metrics {
	factory := promauto.With(registry)
	m := &metrics{
		downloads: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_downloads_total",
			Help: "Downloads of files, or of ranges of them, through the API, by outcome.",
		}, []string{"outcome"}),
		bytes: factory.NewCounter(prometheus.CounterOpts{
			Name: "sluice_download_bytes_total",
			Help: "Bytes of files sent by the API.",
		}),
	}
	for _, outcome := range endpoint.Outcomes {
		m.downloads.WithLabelValues(outcome)
	}
	return m
}

// count adds a download that has ended with err.
func (m *metrics) count(call *endpoint.Call, err error) {
	m.downloads.WithLabelValues(endpoint.Outcome(call.Ctx(), err)).Inc()
	m.bytes.Add(float64(max(call.Writer.Size(), 0)))
}
