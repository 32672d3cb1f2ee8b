package journal_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/journal"
)

// Every kind of event has a line with its attributes, each key once.
func TestLines(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 5, 6, 7, 8, 9, 123456000, time.UTC)
	id := uuid.MustParse("7c8c3f44-2a39-4c5f-9d3c-5f3f3d1d6f01")
	for name, test := range map[string]struct {
		event jobs.Event
		line  string
	}{
		"Accepted":     {jobs.Event{Kind: jobs.EventAccepted}, `"level":"INFO","msg":"export accepted",#,"exportLevel":"group"`},
		"Started":      {jobs.Event{Kind: jobs.EventStarted, Age: 1234567 * time.Microsecond, Generation: 1, Types: 2, Parts: 3, Bytes: 4, TransactionTime: &at}, `"level":"INFO","msg":"export started",#,"seconds":1.235,"types":2,"parts":3,"bytesPlanned":4,"transactionTime":"2024-05-06T07:08:09.123456Z"`},
		"TakenOver":    {jobs.Event{Kind: jobs.EventTakenOver, Generation: 2, Parts: 3, PartsDone: 1, TransactionTime: &at}, `"level":"INFO","msg":"export taken over",#,"attempt":2,"partsDone":1,"parts":3,"transactionTime":"2024-05-06T07:08:09.123456Z"`},
		"Restarted":    {jobs.Event{Kind: jobs.EventRestarted, Generation: 2, Reason: "snapshot_lost"}, `"level":"INFO","msg":"export restarted",#,"attempt":2,"reason":"snapshot_lost"`},
		"Completed":    {jobs.Event{Kind: jobs.EventCompleted, Totals: jobs.Totals{Files: 1, Resources: 2, PlainBytes: 3, StoredBytes: 4}}, `"level":"INFO","msg":"export completed",#,"resources":2,"files":1,"bytes":3,"bytesStored":4`},
		"Failed":       {jobs.Event{Kind: jobs.EventFailed, Reason: "why"}, `"level":"ERROR","msg":"export failed",#,"reason":"why"`},
		"FailedByAJob": {jobs.Event{Kind: jobs.EventFailed, Reason: "why", ByJob: true}, `"level":"WARN","msg":"export failed",#,"reason":"why"`},
		"Cancelled":    {jobs.Event{Kind: jobs.EventCancelled, Reason: "operator"}, `"level":"INFO","msg":"export cancelled",#,"by":"operator"`},
		"Deleted":      {jobs.Event{Kind: jobs.EventDeleted, Reason: "client"}, `"level":"INFO","msg":"export deleted",#,"by":"client"`},
		"Expired":      {jobs.Event{Kind: jobs.EventExpired}, `"level":"INFO","msg":"export expired",#`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			withoutTime := func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}
			test.event.ExportID, test.event.ClientID, test.event.Level = id, "lake", jobs.GroupLevel
			journal.New(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{ReplaceAttr: withoutTime})), nil).Observe(t.Context(), test.event)
			want := strings.ReplaceAll(test.line, "#", `"export":"`+id.String()+`","client":"lake"`)
			require.Equal(t, "{"+want+"}\n", log.String())

			keys := map[string]bool{}
			decoder := json.NewDecoder(&log)
			for i := 0; decoder.More(); i++ {
				token, err := decoder.Token()
				require.NoError(t, err)
				if key, isKey := token.(string); isKey && i%2 == 1 {
					require.False(t, keys[key], key)
					keys[key] = true
				}
			}
		})
	}
}

// The known labels exist from the start; an export that was deleted after its end is not
// counted as cancelled, and the delay of the start is that of the first.
func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	j := journal.New(slog.New(slog.DiscardHandler), registry)
	require.Equal(t, map[string]int{
		"sluice_exports_accepted_total": 3, "sluice_exports_total": 12, "sluice_export_duration_seconds": 3,
		"sluice_export_start_delay_seconds": 3, "sluice_export_restarts_total": 4,
	}, series(t, registry))

	now := time.Now()
	for _, event := range []jobs.Event{
		{Kind: jobs.EventAccepted},
		{Kind: jobs.EventStarted, Generation: 1, Age: 2 * time.Second, TransactionTime: &now},
		{Kind: jobs.EventRestarted, Generation: 2, Reason: string(jobs.SnapshotLost)},
		{Kind: jobs.EventStarted, Generation: 2, Age: 2 * time.Second, TransactionTime: &now},
		{Kind: jobs.EventCompleted, Generation: 2, Age: 3 * time.Second},
		{Kind: jobs.EventDeleted},
		{Kind: jobs.EventCancelled, Level: jobs.PatientLevel},
	} {
		j.Observe(t.Context(), event)
	}
	require.Equal(t, map[string]float64{
		"sluice_exports_accepted_total level=system":           1,
		"sluice_export_start_delay_seconds level=system":       2,
		"sluice_export_restarts_total reason=snapshot_lost":    1,
		"sluice_exports_total level=system outcome=completed":  1,
		"sluice_export_duration_seconds level=system":          3,
		"sluice_exports_total level=patient outcome=cancelled": 1,
	}, values(t, registry))
}

// series returns the number of series of each metric.
func series(t *testing.T, registry *prometheus.Registry) map[string]int {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	found := map[string]int{}
	for _, family := range families {
		found[family.GetName()] = len(family.GetMetric())
	}
	return found
}

// values returns the counters, and the sums of histograms, that are not 0.
func values(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	found := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := family.GetName()
			for _, label := range metric.GetLabel() {
				name += " " + label.GetName() + "=" + label.GetValue()
			}
			if value := metric.GetCounter().GetValue() + metric.GetHistogram().GetSampleSum(); value != 0 {
				found[name] = value
			}
		}
	}
	return found
}
