package bulk_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

// TestOrganizeOutputBy: by patient, or not at all.
func TestOrganizeOutputBy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Aidbox(t, "Organization", "Slot", "Practitioner", "Binary")
	require.Equal(t, "Patient", b.KickOff(t, "/fhir/$export?organizeOutputBy=Patient").Request.OrganizeBy)
	require.Equal(t, "Patient", b.KickOff(t, "/fhir/Patient/$export?_type=Observation&organizeOutputBy=Patient").Request.OrganizeBy)
	require.Empty(t, b.KickOff(t, "/fhir/$export").Request.OrganizeBy)

	for query, code := range map[string]string{
		"organizeOutputBy=Practitioner":                           "not-supported",
		"organizeOutputBy=patient":                                "not-supported",
		"organizeOutputBy=":                                       "not-supported",
		"organizeOutputBy=Patient&_type=Organization":             "invalid",
		"organizeOutputBy=Patient&_type=Organization&_type=Slot":  "invalid",
		"organizeOutputBy=Patient,Patient&_type=Patient":          "not-supported",
		"organizeOutputBy=Practitioner&_type=Practitioner,Binary": "not-supported",
	} {
		apitest.RequireRefusal(t, b.Get(t, "/fhir/$export?"+query), http.StatusBadRequest, code, "organizeOutputBy")
		request := b.KickOff(t, "/fhir/$export?"+query, "Prefer", "handling=lenient").Request
		require.Empty(t, request.OrganizeBy, query)
		require.Len(t, request.Warnings, 1)
	}
	apitest.RequireRefusal(t, b.Get(t, "/fhir/$export?organizeOutputBy=Patient&organizeOutputBy=Patient"), http.StatusBadRequest, "invalid", "organizeOutputBy")

	posted := b.Post(t, "/fhir/$export", apitest.TypeFHIR, apitest.Parameters(`{"name":"organizeOutputBy","valueString":"Patient"}`,
		`{"name":"_minimumFileSize","valuePositiveInt":1000}`, `{"name":"_maximumFileSize","valuePositiveInt":200000}`))
	export, err := b.Exports.Get(t.Context(), apitest.RequireAccepted(t, posted, b.URL))
	require.NoError(t, err)
	require.Equal(t, "Patient", export.Request.OrganizeBy)
	require.Equal(t, int64(1000), export.Request.MinFileBytes)
	require.Equal(t, int64(200000), export.Request.MaxFileBytes)
}

// TestFileSizes: bounds are numbers of bytes, the lower one below the upper.
func TestFileSizes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, int64(65536), b.KickOff(t, "/fhir/$export?_type=Patient&_maximumFileSize=65536").Request.MaxFileBytes)
	request := b.KickOff(t, "/fhir/$export?_type=Patient&_minimumFileSize=65535&_maximumFileSize=65536").Request
	require.Equal(t, []int64{65535, 65536}, []int64{request.MinFileBytes, request.MaxFileBytes})
	require.Equal(t, int64(1)<<62, b.KickOff(t, "/fhir/$export?_type=Patient&_minimumFileSize=4611686018427387904").Request.MinFileBytes)

	for _, name := range []string{"_minimumFileSize", "_maximumFileSize"} {
		for _, size := range []string{"", "0", "-1", "1.5", "many", "9223372036854775808"} {
			apitest.RequireRefusal(t, b.Get(t, "/fhir/$export?"+name+"="+size), http.StatusBadRequest, "invalid", name)
		}
	}
	for _, most := range []string{"1", "1000", "65535"} { // an object for each resource, or nearly
		said := apitest.RequireRefusal(t, b.Get(t, "/fhir/$export?_maximumFileSize="+most, "Prefer", "handling=lenient"), http.StatusBadRequest, "invalid", "_maximumFileSize")
		require.Contains(t, said, "at least 65536")
	}
	for _, most := range []string{"99999", "100000"} { // 100000 too: "SHALL be greater"
		got := b.Get(t, "/fhir/$export?_minimumFileSize=100000&_maximumFileSize="+most, "Prefer", "handling=lenient")
		apitest.RequireRefusal(t, got, http.StatusBadRequest, "invalid", "_minimumFileSize")
	}
}
