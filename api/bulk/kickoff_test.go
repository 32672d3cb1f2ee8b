package bulk_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
)

// TestKickOff: one row, one job, and nothing else.
func TestKickOff(t *testing.T) {
	t.Parallel()
	b := setup(t)

	export := b.KickOff(t, "/fhir/$export?_type=Patient&_since=2020", "Prefer", "respond-async", "Accept", "application/fhir+json")
	require.Equal(t, jobs.Accepted, export.State)
	require.Equal(t, apitest.ClientID, export.ClientID)
	require.Equal(t, jobs.Request{
		URL:          b.URL + "/fhir/$export?_type=Patient&_since=2020",
		Types:        []string{"Patient"},
		Existing:     true,
		ChangedAfter: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		FHIR:         true,
		Style:        fhir.Style{VersionIDAsString: true, CreatedAtURL: fhir.DefaultCreatedAtURL},
	}, export.Request)

	require.Equal(t, 1, b.Count(t, `SELECT count(*) FROM sluice.export`))
	require.Equal(t, 0, b.Count(t, `SELECT count(*) FROM sluice.part`))
	require.Equal(t, 1, b.Count(t, `SELECT count(*) FROM sluice.river_job`))
	require.Equal(t, 1, b.Count(t, `SELECT count(*) FROM sluice.river_job JOIN sluice.export e ON e.job_id = river_job.id
		WHERE kind = 'sluice_export' AND river_job.state = 'available' AND args->>'export_id' = e.id::text`))

	again := b.KickOff(t, "/fhir/$export?_type=Patient&_since=2020")
	require.NotEqual(t, export.ID, again.ID, "the same request is another export")
}

func TestKickOffBehindAProxy(t *testing.T) {
	t.Parallel()
	const base = "https://fhir.example.org/bulk"
	b := setup(t, func(config *api.Config) { config.BaseURL = base })

	id := apitest.RequireAccepted(t, b.Get(t, "/fhir/$export?_type=Patient"), base)
	export, err := b.Exports.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, base+"/fhir/$export?_type=Patient", export.Request.URL)
}

func TestKickOffTypes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.Clients.Add(t.Context(), "narrow", "narrow-secret", []string{"system/Patient.rs", "system/Observation.read"}))
	require.NoError(t, b.Clients.Add(t.Context(), "custom", "custom-secret", []string{"system/Invention.rs"}))
	all := fhir.R4().ResourceTypes()
	slices.Sort(all)

	for _, test := range []struct {
		query string
		types []string
	}{
		{"", all},
		{"?_type=Patient", []string{"Patient"}},
		{"?_type=Patient,Observation", []string{"Patient", "Observation"}},
		{"?_type=Patient%2CObservation", []string{"Patient", "Observation"}},
		{"?_type=Patient&_type=Observation", []string{"Patient", "Observation"}},
		{"?_type=Observation,Patient&_type=Patient,Group", []string{"Observation", "Patient", "Group"}},
	} {
		t.Run(test.query, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.types, b.KickOff(t, "/fhir/$export"+test.query).Request.Types)
		})
	}

	t.Run("AllOfTheScopes", func(t *testing.T) {
		t.Parallel()
		request := b.Request(t, http.MethodGet, "/fhir/$export")
		request.SetBasicAuth("narrow", "narrow-secret")
		export, err := b.Exports.Get(t.Context(), apitest.RequireAccepted(t, b.Do(t, request), b.URL))
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"Patient", "Observation"}, export.Request.Types)
	})
	t.Run("NoneOfTheScopes", func(t *testing.T) {
		t.Parallel()
		request := b.Request(t, http.MethodGet, "/fhir/$export")
		request.SetBasicAuth("custom", "custom-secret")
		apitest.RequireRefusal(t, b.Do(t, request), http.StatusForbidden, "forbidden", "_type")
	})
}

func TestOutputFormats(t *testing.T) {
	t.Parallel()
	b := setup(t)

	for format, raw := range map[string]bool{
		"":                                  false,
		"&_outputFormat=ndjson":             false,
		"&_outputFormat=application/ndjson": false,
		"&_outputFormat=application%2Ffhir%2Bndjson":        false,
		"&_outputFormat=application/fhir+ndjson":            false,
		"&_outputFormat=application%2Ffhir%2Bndjson%2Bgzip": true,
		"&_outputFormat=application/fhir+ndjson+gzip":       true,
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, raw, b.KickOff(t, "/fhir/$export?_type=Patient"+format).Request.RawGzip)
		})
	}
}

// TestDumpAsExport: what the client prefers to wait for is what it would have
// got at once.
func TestDumpAsExport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)

	for _, prefer := range []string{"respond-async", "Respond-Async", "return=minimal, respond-async", "respond-async; wait=10", "wait=10,respond-async"} {
		export := b.KickOff(t, "/Patient/$dump?_since=2021-06-10T10:26:10%2B02:00", "Prefer", prefer)
		require.Equal(t, jobs.Request{
			URL:          b.URL + "/Patient/$dump?_since=2021-06-10T10:26:10%2B02:00",
			Types:        []string{"Patient"},
			Existing:     true,
			CreatedAfter: time.Date(2021, 6, 10, 8, 26, 10, 0, time.UTC),
			Style:        fhir.Style{CreatedAtURL: fhir.DefaultCreatedAtURL},
		}, export.Request)
	}
	require.True(t, b.KickOff(t, "/Patient/$dump?fhir=true&gzip=true", "Prefer", "respond-async").Request.FHIR)

	for _, prefer := range []string{"", "return=minimal", "respond-asynchronously", "handling=respond-async"} {
		require.Equal(t, apitest.AidboxLines["Patient"], b.Get(t, "/Patient/$dump", "Prefer", prefer).Text)
	}
}

// TestRefusedKickOffs: what is refused leaves nothing behind.
func TestRefusedKickOffs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)

	for _, target := range []string{
		"/fhir/$export?_type=Nonsense", "/fhir/$export?_since=yesterday", "/fhir/$export?_outputFormat=csv", "/fhir/$export?x=y",
		"/Patient/$dump?fhir=maybe", "/Patient/$dump?_type=Patient", "/Nonsense/$dump", "/Slot/$dump", "/fhir/$export?_type=Slot",
	} {
		got := b.Get(t, target, "Prefer", "respond-async")
		require.GreaterOrEqual(t, got.StatusCode, http.StatusBadRequest, target)
		require.Empty(t, got.Header.Get("Content-Location"))
	}
	unknown := b.Request(t, http.MethodGet, "/fhir/$export")
	unknown.SetBasicAuth("nobody", apitest.ClientSecret)
	require.Equal(t, http.StatusUnauthorized, b.Do(t, unknown).StatusCode)

	require.Zero(t, b.Count(t, `SELECT count(*) FROM sluice.export`))
	require.Zero(t, b.Count(t, `SELECT count(*) FROM sluice.river_job`))
}

// TestFormat: FHIR's general parameter _format can only select JSON.
func TestFormat(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, format := range []string{"json", "application/json", "application/fhir+json", "application%2Ffhir%2Bjson"} {
		b.KickOff(t, "/fhir/$export?_format="+format)
		require.Equal(t, http.StatusOK, b.Get(t, "/fhir/Group?_format="+format).StatusCode, format)
	}
	apitest.RequireRefusal(t, b.Get(t, "/fhir/$export?_format=xml"), http.StatusBadRequest, "not-supported", "_format")
	apitest.RequireRefusal(t, b.Get(t, "/fhir/Group?_format=application/fhir%2Bxml"), http.StatusBadRequest, "not-supported", "_format")
}
