package bulk_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

func TestElements(t *testing.T) {
	t.Parallel()
	b := setup(t)

	for query, want := range map[string][]string{
		"_type=Patient&_elements=name,Patient.birthDate":                {"name", "Patient.birthDate"},
		"_type=Patient,Observation&_elements=status&_elements=name":     {"status", "name"},
		"_type=Observation&_elements=value,value[x],Observation.status": {"value", "value[x]", "Observation.status"},
		"_type=Patient": nil,
	} {
		require.Equal(t, want, b.KickOff(t, "/fhir/$export?"+query).Request.Elements, query)
	}
	for _, query := range []string{
		"_type=Patient&_elements=", "_type=Patient&_elements=nonsense", "_type=Patient&_elements=status",
		"_type=Patient&_elements=name.family", "_type=Patient&_elements=Patient.name.family",
		"_type=Patient&_elements=Observation.status", "_type=Patient&_elements=Nonsense.status", "_type=Patient&_elements=.name",
	} {
		apitest.RequireRefusal(t, b.Get(t, "/fhir/$export?"+query), http.StatusBadRequest, "invalid", "_elements")
	}
	request := b.KickOff(t, "/fhir/$export?_type=Patient&_elements=name,status", "Prefer", "handling=lenient").Request
	require.Equal(t, []string{"name"}, request.Elements)
	require.Len(t, request.Warnings, 1)
	require.Nil(t, b.KickOff(t, "/fhir/$export?_type=Patient&_elements=status", "Prefer", "handling=lenient").Request.Elements)
}
