package bulk_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
)

func TestKickOffLevels(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Ward(t)

	for target, level := range map[string]jobs.Level{
		"/fhir/Patient/$export": jobs.PatientLevel, "/fhir/Group/ward/$export": jobs.GroupLevel,
	} {
		export := b.KickOff(t, target)
		require.Equal(t, level, export.Request.Level)
		require.ElementsMatch(t, search.CompartmentTypes(), export.Request.Types)
		require.Contains(t, export.Request.Types, "Patient")
		require.NotContains(t, export.Request.Types, "Practitioner")
		require.Equal(t, b.URL+target, export.Request.URL)

		posted, err := b.Exports.Get(t.Context(), apitest.RequireAccepted(t, b.Post(t, target, apitest.TypeFHIR, apitest.Parameters(`{"name":"_type","valueCode":"Patient"}`)), b.URL))
		require.NoError(t, err)
		require.Equal(t, level, posted.Request.Level)

		apitest.RequireRefusal(t, b.Get(t, target+"?_type=Patient,Practitioner"), http.StatusBadRequest, "invalid", "_type")
		lenient := b.KickOff(t, target+"?_type=Patient,Practitioner", "Prefer", "handling=lenient")
		require.Equal(t, []string{"Patient"}, lenient.Request.Types)
		require.Len(t, lenient.Request.Warnings, 1)
		apitest.RequireRefusal(t, b.Get(t, target+"?_type=Practitioner", "Prefer", "handling=lenient"), http.StatusBadRequest, "invalid", "_type")
	}
	require.Equal(t, "ward", b.KickOff(t, "/fhir/Group/ward/$export").Request.Group)
	apitest.RequireRefusal(t, b.Get(t, "/fhir/Group/nobody/$export"), http.StatusNotFound, "not-found", "")
	apitest.RequireRefusal(t, b.Get(t, "/fhir/Group/%00/$export"), http.StatusNotFound, "not-found", "")
	apitest.RequireRefusal(t, b.Get(t, "/fhir/Group/%ff/$export"), http.StatusNotFound, "not-found", "")
	apitest.RequireRefusal(t, b.Get(t, "/fhir/Patient/$export?patient=%ff"), http.StatusBadRequest, "invalid", "patient")
	apitest.RequireRefusal(t, b.Get(t, "/fhir/Group/$export"), http.StatusNotFound, "not-found", "")
	apitest.RequireRefusal(t, setup(t).Get(t, "/fhir/Group/ward/$export"), http.StatusNotFound, "not-found", "")
}

func TestPatientParameter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Ward(t)
	reference := func(references ...string) string {
		var all []string
		for _, one := range references {
			all = append(all, fmt.Sprintf(`{"name":"patient","valueReference":{"reference":%q}}`, one))
		}
		return strings.Join(all, ",")
	}
	ids := func(target, more string, references ...string) []string {
		got := b.Post(t, target, apitest.TypeFHIR, apitest.Parameters(reference(references...)+more))
		export, err := b.Exports.Get(t.Context(), apitest.RequireAccepted(t, got, b.URL))
		require.NoError(t, err)
		return export.Request.Patients
	}
	const patients, group = "/fhir/Patient/$export", "/fhir/Group/ward/$export"

	require.Equal(t, []string{"pt-3", "pt-1"}, ids(patients, "", "Patient/pt-3", b.URL+"/fhir/Patient/pt-1", "pt-3"))
	require.Equal(t, []string{"pt-1", "pt-2"}, ids(patients, "", "Patient/pt-1/_history/7", b.URL+"/fhir/Patient/pt-2/_history/1"))
	require.Equal(t, []string{"pt-2"}, ids(group, "", "Patient/pt-2"))
	require.Equal(t, []string{"pt-1", "pt-2"}, b.KickOff(t, patients+"?patient=pt-1,Patient/pt-2").Request.Patients)
	require.Empty(t, b.KickOff(t, patients).Request.Patients)

	for _, test := range []struct{ target, reference, code string }{
		{patients, "Patient/pt-9", "not-found"}, {group, "Patient/pt-3", "not-found"}, {group, "Patient/pt-9", "not-found"},
		{patients, "https://other.example.org/fhir/Patient/pt-3", "invalid"}, {group, "https://other.example.org/fhir/Patient/pt-2", "invalid"},
		{patients, b.URL + "/Patient/pt-3", "invalid"}, {patients, b.URL + ".example.org/fhir/Patient/pt-3", "invalid"}, {patients, "fhir/Patient/pt-3", "invalid"},
		{patients, "Patient/pt-3/_history/", "invalid"}, {patients, "pt-3/_history/1", "invalid"}, {patients, b.URL + "/fhir/Practitioner/pt-1", "invalid"},
		{patients, "Practitioner/pt-1", "invalid"}, {patients, "Patient/", "invalid"}, {patients, "", "invalid"},
	} {
		both := apitest.Parameters(reference("Patient/pt-1", test.reference))
		apitest.RequireRefusal(t, b.Post(t, test.target, apitest.TypeFHIR, both), http.StatusBadRequest, test.code, "patient")

		// With what is left, if there is something left.
		ignore := `,{"name":"onPatientError","valueString":"ignore"}`
		require.Equal(t, []string{"pt-1"}, ids(test.target, ignore, "Patient/pt-1", test.reference))
		export := apitest.RequireAccepted(t, b.Post(t, test.target, apitest.TypeFHIR, both, "Prefer", "handling=lenient"), b.URL)
		got, err := b.Exports.Get(t.Context(), export)
		require.NoError(t, err)
		require.Len(t, got.Request.Warnings, 1)
		apitest.RequireRefusal(t, b.Post(t, test.target, apitest.TypeFHIR, apitest.Parameters(reference(test.reference)+ignore)), http.StatusBadRequest, "not-found", "patient")
	}
	apitest.RequireRefusal(t, b.Get(t, patients+"?patient=pt-1&onPatientError=maybe"), http.StatusBadRequest, "invalid", "onPatientError")
	apitest.RequireRefusal(t, b.Get(t, "/fhir/$export?patient=pt-1"), http.StatusBadRequest, "invalid", "patient")
}

func TestTypeFilters(t *testing.T) {
	t.Parallel()
	b := setup(t)

	for query, want := range map[string]map[string][]string{
		"_type=Observation&_typeFilter=Observation%3Fstatus%3Dfinal":                                          {"Observation": {"status=final"}},
		"_typeFilter=Observation%3Fstatus%3Dfinal%2Camended&_typeFilter=Observation%3Fcode%3Dx":               {"Observation": {"status=final,amended", "code=x"}},
		"_typeFilter=Observation%3Fstatus%3Dfinal,Patient%3Factive%3Dtrue":                                    {"Observation": {"status=final"}, "Patient": {"active=true"}},
		"_typeFilter=Observation%3Fstatus%3Dfinal%26date%3Dge2020,Observation%3Fcode%3Da,b&_type=Observation": {"Observation": {"status=final&date=ge2020", "code=a,b"}},
		"_typeFilter=Patient%3Fidentifier%3Durn:x%7CAB%2B1":                                                   {"Patient": {"identifier=urn:x|AB+1"}},
		"_typeFilter=Patient%3Fidentifier%3D100%25":                                                           {"Patient": {"identifier=100%"}},
		"_typeFilter=Patient%3Fidentifier%3Da%2526b":                                                          {"Patient": {"identifier=a%26b"}},
		"_typeFilter=Observation%3Fsubject%3D" + url.QueryEscape(b.URL+"/fhir/Patient/p1"):                    {"Observation": {"subject=Patient/p1"}},
		"_typeFilter=Observation%3Fsubject%3Dhttps://other.example.org/fhir/Patient/p1":                       {"Observation": {"subject=https://other.example.org/fhir/Patient/p1"}},
		"_type=Patient": nil,
	} {
		require.Equal(t, want, b.KickOff(t, "/fhir/$export?"+query).Request.Filters, query)
	}
	for query, code := range map[string]string{
		"_typeFilter=":                                                     "invalid",
		"_typeFilter=Observation":                                          "invalid",
		"_typeFilter=Observation%3F":                                       "invalid",
		"_typeFilter=Nonsense%3Fx%3Dy":                                     "invalid",
		"_type=Patient&_typeFilter=Observation%3Fstatus%3Dfinal":           "invalid",
		"_type=Patient&_typeFilter=Patient%3Fbirthdate%3Dyesterday":        "invalid",
		"_type=Patient&_typeFilter=Patient%3Fno-such-parameter%3D1":        "invalid",
		"_type=Patient&_typeFilter=Patient%3F_sort%3Dname":                 "invalid",
		"_type=Patient&_typeFilter=Patient%3Forganization.name%3Dx":        "not-supported",
		"_type=Patient&_typeFilter=Patient%3F_has:Observation:patient:a=b": "not-supported",
	} {
		got := b.Get(t, "/fhir/$export?"+query)
		require.Equal(t, http.StatusBadRequest, got.StatusCode, query)
		apitest.RequireRefusal(t, got, http.StatusBadRequest, code, "_typeFilter")
	}
	lenient := b.KickOff(t, "/fhir/$export?_type=Patient&_typeFilter=Patient%3F_sort%3Dname,Patient%3Factive%3Dtrue", "Prefer", "handling=lenient").Request
	require.Equal(t, map[string][]string{"Patient": {"active=true"}}, lenient.Filters)
	require.Len(t, lenient.Warnings, 1)
}
