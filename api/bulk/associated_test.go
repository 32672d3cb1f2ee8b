package bulk_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/jobs"
)

func TestAssociatedData(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Ward(t)
	const latest, relevant = "LatestProvenanceResources", "RelevantProvenanceResources"

	for query, want := range map[string]jobs.Associated{
		"":                                 jobs.NoneAssociated,
		"&includeAssociatedData=" + latest: jobs.LatestAssociated,
		"&includeAssociatedData=" + latest + "," + relevant:                       jobs.RelevantAssociated,
		"&includeAssociatedData=" + relevant + "&includeAssociatedData=" + latest: jobs.RelevantAssociated,
	} {
		for _, target := range []string{"/fhir/$export?", "/fhir/Group/ward/$export?", "/fhir/Patient/$export?patient=pt-1&"} {
			request := b.KickOff(t, target+"_type=Patient"+query).Request
			require.Equal(t, want, request.Associated, query)
			require.Equal(t, want != jobs.NoneAssociated, len(request.Types) == 2, "Provenance comes with them")
		}
	}
	for _, target := range []string{
		"/fhir/$export?includeAssociatedData=_custom",
		"/fhir/$export?_typeFilter=Provenance%3F_id%3Dx&includeAssociatedData=" + latest,
	} {
		apitest.RequireRefusal(t, b.Get(t, target), http.StatusBadRequest, "not-supported", "includeAssociatedData")
		require.Len(t, b.KickOff(t, target, "Prefer", "handling=lenient").Request.Warnings, 1)
	}

	require.NoError(t, b.Clients.Add(t.Context(), "narrow", "narrow-secret", []string{"system/Patient.rs"}))
	request := b.Request(t, http.MethodGet, "/fhir/$export?includeAssociatedData="+latest)
	request.SetBasicAuth("narrow", "narrow-secret")
	apitest.RequireRefusal(t, b.Do(t, request), http.StatusForbidden, "forbidden", "includeAssociatedData")

	b.KickOff(t, "/fhir/$export?allowPartialManifests=false")
	apitest.RequireRefusal(t, b.Get(t, "/fhir/$export?allowPartialManifests=1"), http.StatusBadRequest, "invalid", "allowPartialManifests")
}
