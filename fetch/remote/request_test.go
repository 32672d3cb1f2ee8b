package remote_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-90096f4d/sluice/fetch/remote"
)

var accepted = reply{status: 202, header: map[string]string{"Content-Location": base + "/status/1"}}

// kickOff returns the requests that a kick-off sends to a server that accepts them.
func kickOff(t *testing.T, request remote.Request) []sent {
	t.Helper()
	server, script := server(t, replies(accepted), remote.Limits{})
	if _, err := server.KickOff(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	return script.requests
}

func TestLevels(t *testing.T) {
	tests := []struct {
		request remote.Request
		want    string
	}{
		{remote.Request{Level: remote.System}, "/$export"},
		{remote.Request{Level: remote.Patient}, "/Patient/$export"},
		{remote.Request{Level: remote.Group, GroupID: "All_Patients"}, "/Group/All_Patients/$export"},
		{remote.Request{Level: remote.Group, GroupID: "a/../b?c#d%2F"}, "/Group/a%2F..%2Fb%3Fc%23d%252F/$export"},
	}
	for _, test := range tests {
		if got := kickOff(t, test.request)[0].url; got != base+test.want {
			t.Errorf("URL of %+v = %s, want %s", test.request, got, base+test.want)
		}
	}
}

func TestInvalidRequests(t *testing.T) {
	tests := map[string]remote.Request{
		"level must be system, patient or group": {Level: "all"},
		"requires the id of a Group":             {Level: remote.Group},
		`requires the id of a Group, got ".."`:   {Level: remote.Group, GroupID: ".."},
		"patients require level":                 {Level: remote.System, Patients: []string{"1"}},
		"method must be GET or POST":             {Level: remote.System, Method: "PUT"},
	}
	for want, request := range tests {
		server, script := server(t, replies(accepted), remote.Limits{})
		_, err := server.KickOff(t.Context(), request)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
		if len(script.requests) > 0 {
			t.Errorf("%q: a request was sent", want)
		}
	}
}

// everything has all parameters that a GET can have.
var everything = remote.Request{
	Level: remote.Patient, Types: []string{"Patient", "Observation"}, Since: "2026-01-01T00:00:00+01:00", Until: "2026-02-01T00:00:00Z",
	TypeFilters: []string{`Observation?code=a,b&date=gt2026`, `MedicationRequest?status=x\,y`},
	Elements:    []string{"id", "Patient.name"}, Include: []string{"LatestProvenanceResources", "_x"}, OrganizeBy: "Patient",
	Format: "application/fhir+ndjson", Partial: true, Params: url.Values{"z": {"1", "2"}},
}

func TestGET(t *testing.T) {
	sent := kickOff(t, everything)[0]
	got, err := url.ParseQuery(parse(t, sent.url).RawQuery)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"_type": {"Patient,Observation"}, "_since": {"2026-01-01T00:00:00+01:00"}, "_until": {"2026-02-01T00:00:00Z"},
		"_typeFilter": {`Observation?code=a%2Cb&date=gt2026`, `MedicationRequest?status=x\%2Cy`},
		"_elements":   {"id,Patient.name"}, "includeAssociatedData": {"LatestProvenanceResources,_x"}, "organizeOutputBy": {"Patient"},
		"_outputFormat": {"application/fhir+ndjson"}, "allowPartialManifests": {"true"}, "z": {"1", "2"},
	}
	if sent.method != http.MethodGet || !reflect.DeepEqual(got, want) {
		t.Errorf("%s with %v, want %v", sent.method, got, want)
	}
	if got := sent.header["Prefer"]; !reflect.DeepEqual(got, []string{"respond-async"}) || sent.header.Get("Accept") != "application/fhir+json" {
		t.Errorf("headers %v", sent.header)
	}
}

func TestPOST(t *testing.T) {
	request := everything
	request.Patients, request.Lenient, request.SeparateStatus = []string{"Patient/1", "2"}, true, true
	sent := kickOff(t, request)[0]
	want := lines(`{"resourceType":"Parameters","parameter":[
		{"name":"_outputFormat","valueString":"application/fhir+ndjson"},
		{"name":"_since","valueInstant":"2026-01-01T00:00:00+01:00"},
		{"name":"_until","valueInstant":"2026-02-01T00:00:00Z"},
		{"name":"_type","valueString":"Patient,Observation"},
		{"name":"_typeFilter","valueString":"Observation?code=a,b\u0026date=gt2026"},
		{"name":"_typeFilter","valueString":"MedicationRequest?status=x\\,y"},
		{"name":"_elements","valueString":"id,Patient.name"},
		{"name":"patient","valueReference":{"reference":"Patient/1"}},
		{"name":"patient","valueReference":{"reference":"Patient/2"}},
		{"name":"includeAssociatedData","valueString":"LatestProvenanceResources,_x"},
		{"name":"organizeOutputBy","valueString":"Patient"},
		{"name":"allowPartialManifests","valueBoolean":true},
		{"name":"z","valueString":"1"},{"name":"z","valueString":"2"}]}`)
	if sent.method != http.MethodPost || sent.url != base+"/Patient/$export" || sent.body != want {
		t.Errorf("%s %s\n%s, want\n%s", sent.method, sent.url, sent.body, want)
	}
	if got := sent.header["Prefer"]; !reflect.DeepEqual(got, []string{"respond-async", "handling=lenient", "separate-export-status"}) {
		t.Errorf("preferences %q", got)
	}
	if got := sent.header.Get("Content-Type"); got != "application/fhir+json" {
		t.Errorf("Content-Type %q", got)
	}
}

// TestMethod: GET, unless the URL would be too long or a server rejects it.
func TestMethod(t *testing.T) {
	short := remote.Request{Level: remote.System, Types: []string{"Patient"}}
	long := remote.Request{Level: remote.System, TypeFilters: []string{"Observation?code=" + strings.Repeat("x", 1950)}}
	forced := long
	forced.Method = http.MethodGet
	patients := remote.Request{Level: remote.Patient, Patients: []string{"1", "2"}, Method: http.MethodGet}
	tests := []struct {
		name    string
		request remote.Request
		reject  int
		want    string
	}{
		{"short", short, 0, "GET"},
		{"long", long, 0, "POST"},
		{"long, by GET", forced, 0, "GET"},
		{"GET not allowed", short, http.StatusMethodNotAllowed, "GET POST"},
		{"GET too long", short, http.StatusRequestURITooLong, "GET POST"},
		{"patients by GET", patients, 0, "GET"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server, script := server(t, func(_ int, r *http.Request) reply {
				if test.reject != 0 && r.Method == http.MethodGet {
					return reply{status: test.reject}
				}
				return accepted
			}, remote.Limits{})
			if _, err := server.KickOff(t.Context(), test.request); err != nil {
				t.Fatal(err)
			}
			var methods []string
			for _, r := range script.requests {
				methods = append(methods, r.method)
			}
			if got := strings.Join(methods, " "); got != test.want {
				t.Errorf("sent %s, want %s", got, test.want)
			}
		})
	}
	if got := kickOff(t, patients)[0].url; !strings.HasSuffix(got, "?patient=Patient%2F1%2CPatient%2F2") {
		t.Errorf("URL %s, want both patients in one parameter", got)
	}
}

// TestStoredRequest: a request is stored and read again as it was.
func TestStoredRequest(t *testing.T) {
	text, err := json.Marshal(everything)
	if err != nil {
		t.Fatal(err)
	}
	var got remote.Request
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, everything) {
		t.Errorf("request %+v (%v), want %+v", got, err, everything)
	}
}
