package bulk

import (
	"cmp"
	"log/slog"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
)

// requireRefused requires an error that explains to the client what is wrong.
func requireRefused(t *testing.T, err error) {
	t.Helper()
	var refused *problem.Problem
	require.ErrorAs(t, err, &refused)
	require.GreaterOrEqual(t, refused.Status, 400)
	require.Less(t, refused.Status, 500, "%v", err)
	require.Less(t, len(refused.Text), 5000)
	require.LessOrEqual(t, len(refused.Parameter), 256)
}

// FuzzKickOff: the parameters of a kick-off are refused, or become a request for no
// more than they ask for.
func FuzzKickOff(f *testing.F) {
	f.Add("_type=Patient,Observation&_since=2024&_until=2025-01-01&_typeFilter=Observation%3Fstatus%3Dfinal,Patient%3Factive%3Dtrue", false)
	f.Add("_elements=Patient.name,status&includeAssociatedData=LatestProvenanceResources&_outputFormat=application/fhir+ndjson", true)
	f.Add("_maximumFileSize=65536&allowPartialManifests=true&_type=x&_type=Patient&unknown=1", true)
	f.Add("_typeFilter=Patient?&_elements=.&_type=,&_since=", true)
	scopes, err := auth.ParseScopes([]string{"system/*.rs"})
	require.NoError(f, err)
	types := fhir.R4().ResourceTypes()
	unreachable, err := source.Open(f.Context(), source.Config{URL: "postgres://localhost"})
	require.NoError(f, err)
	unreachable.Close()
	exports := New(Config{Logger: slog.New(slog.DiscardHandler), Types: types, Source: unreachable})
	f.Fuzz(func(t *testing.T, query string, lenient bool) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		params := &endpoint.Parameters{Values: values, Lenient: lenient}
		if err := params.CheckCount(maxValues); err != nil {
			requireRefused(t, err)
			return
		}
		b := &requestBuilder{exports: exports, client: auth.Client{Scopes: scopes}, params: params, request: jobs.Request{Level: jobs.SystemLevel}}
		err = b.parse()
		if err == nil {
			err = params.Finish()
		}
		if err == nil {
			err = cmp.Or(b.checkExistence(t.Context()), params.Verdict())
		}
		if err != nil {
			requireRefused(t, err)
			return
		}
		require.NotEmpty(t, b.request.Types)
		require.Subset(t, types, b.request.Types)
		require.GreaterOrEqual(t, b.request.MaxFileBytes, int64(0))
		require.LessOrEqual(t, len(params.Warnings), endpoint.MaxWarnings+1)
		require.True(t, lenient || len(params.Warnings) == 0)
		for resourceType := range b.request.Filters {
			require.Contains(t, b.request.Types, resourceType)
		}
		if after, before := b.request.ChangedAfter, b.request.ChangedBefore; !before.IsZero() {
			require.True(t, after.Before(before))
		}
	})
}
