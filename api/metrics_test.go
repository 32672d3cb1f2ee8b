package api_test

import (
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
)

// meter reads the metrics of a server.
type meter struct {
	t        *testing.T
	registry *prometheus.Registry
}

func newMeter(t *testing.T) (meter, func(*api.Config)) {
	t.Helper()
	m := meter{t: t, registry: prometheus.NewRegistry()}
	return m, func(config *api.Config) { config.Registry = m.registry }
}

// find returns the series with these values of labels, or nil.
func (m meter) find(name string, values ...string) *dto.Metric {
	m.t.Helper()
	families, err := m.registry.Gather()
	require.NoError(m.t, err)
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, series := range family.GetMetric() {
			var found []string
			for _, label := range series.GetLabel() { // sorted by name
				found = append(found, label.GetValue())
			}
			if slices.Equal(found, values) {
				return series
			}
		}
	}
	return nil
}

// value returns the value of a counter or gauge, or the count of a histogram.
func (m meter) value(name string, values ...string) int {
	m.t.Helper()
	series := m.find(name, values...)
	require.NotNil(m.t, series, "%s %v", name, values)
	return int(series.GetCounter().GetValue() + series.GetGauge().GetValue() + float64(series.GetHistogram().GetSampleCount()))
}

// await waits for the value: a response ends before its handler does.
func (m meter) await(want int, name string, values ...string) {
	m.t.Helper()
	require.Eventually(m.t, func() bool {
		series := m.find(name, values...)
		return series != nil && m.value(name, values...) == want
	}, apitest.Patience, apitest.Tick, "%s %v", name, values)
}

func TestRequestMetrics(t *testing.T) {
	t.Parallel()
	m, registered := newMeter(t)
	b := setup(t, registered)
	const requests, duration = "sluice_http_requests_total", "sluice_http_request_duration_seconds"
	m.await(0, requests, "503", "GET", "/:type/$dump") // so that the first failure is not missed

	// Clients cannot create labels.
	for _, target := range []string{"/nowhere", "/nowhere/else/x"} {
		require.Equal(t, http.StatusNotFound, b.Do(t, b.Request(t, http.MethodGet, target)).StatusCode)
	}
	require.Equal(t, http.StatusNotFound, b.Do(t, b.Request(t, "BREW", "/nowhere")).StatusCode)
	m.await(2, requests, "404", "GET", "other")
	m.await(1, requests, "404", "other", "other")
	m.await(3, duration, "other")

	// The duration of a dump says nothing, that of a kick-off does.
	require.Equal(t, http.StatusOK, b.Get(t, "/Patient/$dump").StatusCode)
	m.await(1, requests, "200", "GET", "/:type/$dump")
	require.Nil(t, m.find(duration, "/:type/$dump"))
	require.Equal(t, http.StatusAccepted, b.Get(t, "/Patient/$dump", "Prefer", "respond-async").StatusCode)
	m.await(1, duration, "/:type/$dump")
	m.await(0, "sluice_http_requests_in_flight")
}

func TestRefusalMetrics(t *testing.T) {
	t.Parallel()
	m, registered := newMeter(t)
	b := setup(t, registered, func(config *api.Config) { config.ClientKickOffs, config.Dumps, config.LoginFailuresPerMinute = 1, 1, 1 })
	require.NoError(t, b.Clients.Add(t.Context(), "narrow", "narrow-secret", []string{"system/Patient.rs"}))
	refused := func(reason string, want int, got apitest.Answer) {
		t.Helper()
		require.Equal(t, want, got.StatusCode, got.Text)
		m.await(1, "sluice_refusals_total", reason)
	}
	as := func(client, secret, target string) apitest.Answer {
		t.Helper()
		request := b.Request(t, http.MethodGet, target)
		request.SetBasicAuth(client, secret)
		return b.Do(t, request)
	}
	refused("invalid", http.StatusBadRequest, b.Get(t, "/Patient/$dump?fhir=maybe"))
	refused("scope", http.StatusForbidden, as("narrow", "narrow-secret", "/Observation/$dump"))
	require.Equal(t, http.StatusAccepted, b.Get(t, "/fhir/$export", "Prefer", "respond-async").StatusCode)
	refused("kick_offs", http.StatusTooManyRequests, b.Get(t, "/fhir/$export", "Prefer", "respond-async"))

	open := b.gate(t)
	_, rest := b.begin(t, "/Patient/$dump")
	require.Equal(t, 1, m.value("sluice_dumps_running"))
	require.Equal(t, 1, m.value("sluice_dumps_limit"))
	refused("dumps_full", http.StatusTooManyRequests, b.Get(t, "/Patient/$dump"))
	open()
	requireRest(t, rest)
	m.await(0, "sluice_dumps_running")

	require.Equal(t, http.StatusUnauthorized, as("narrow", "wrong", "/Patient/$dump").StatusCode)
	m.await(1, "sluice_auth_total", "basic", "refused")
	refused("failed_logins", http.StatusTooManyRequests, as("narrow", "wrong again", "/Patient/$dump"))
	m.await(1, "sluice_auth_total", "basic", "limited")
	require.Positive(t, m.value("sluice_auth_total", "basic", "ok"))
	m.await(1, "sluice_refusals_total", "invalid") // and nothing else since
}

func TestDumpMetrics(t *testing.T) {
	t.Parallel()
	m, registered := newMeter(t)
	b := setup(t, registered, func(config *api.Config) { config.StallTimeout = 3 * stall })
	require.Equal(t, http.StatusOK, b.Get(t, "/Patient/$dump?fhir=true").StatusCode)
	m.await(1, "sluice_dumps_total", "fhir", "completed")
	m.await(1, "sluice_dump_duration_seconds")
	m.await(1, "sluice_dump_first_byte_seconds")
	require.Less(t, m.find("sluice_dump_first_byte_seconds").GetHistogram().GetSampleSum(), time.Minute.Seconds())

	b.large(t, largeRows, largeSize)
	_, body := b.begin(t, "/Patient/$dump")
	m.await(1, "sluice_dumps_total", "aidbox", "stalled")
	_, err := io.Copy(io.Discard, body)
	require.Error(t, err)
	response, _ := b.begin(t, "/Patient/$dump")
	require.NoError(t, response.Body.Close())
	m.await(1, "sluice_dumps_total", "aidbox", "client_gone")
	require.Equal(t, 1, m.value("sluice_dump_duration_seconds"), "only of those that were completed")
	require.Equal(t, 3, m.value("sluice_dump_first_byte_seconds"))
}
