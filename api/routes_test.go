package api_test

import (
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
)

// publicRoutes need no authentication and return no data.
var publicRoutes = []string{
	"GET /health", "HEAD /health", "GET /ready", "HEAD /ready", "GET /metrics", "GET /fhir/metadata",
	"GET /.well-known/smart-configuration", "GET /fhir/.well-known/smart-configuration",
}

// routeCase is a request of a route, and what its audit event must contain.
type routeCase struct {
	target, form string
	want         apitest.AuditLine
}

// TestEveryRouteIsAudited: each route that returns data, or starts or ends an
// export, fills its audit event. A new route needs a case here.
func TestEveryRouteIsAudited(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase, func(config *api.Config) { config.ProxyFiles = true })
	b.Ward(t)
	app := b.newApp(t, "app", "system/*.rs")
	export := b.kickOffID(t, "/fhir/$export?_type=Patient")
	b.Complete(t, export)
	cancelled := b.kickOffID(t, "/fhir/$export?_type=Patient").String()
	status, file := "/fhir/$export-status/", "/fhir/$export-files/"+export.String()+"/Patient.0001.ndjson"

	kickOff := apitest.AuditLine{Action: "kick-off", Client: apitest.ClientID, Status: 202, Types: []string{"Patient"}}
	download := apitest.AuditLine{Action: "download", Client: apitest.ClientID, Status: 200, Export: export.String()}
	cases := map[string]routeCase{
		"POST /auth/token":                      {"/auth/token", app.form(t, "system/*.rs").Encode(), apitest.AuditLine{Action: "token", Client: "app", Status: 200}},
		"GET /:type/$dump":                      {"/Patient/$dump", "", apitest.AuditLine{Action: "dump", Client: apitest.ClientID, Status: 200, Resources: 3}},
		"GET /fhir/Group":                       {"/fhir/Group", "", apitest.AuditLine{Action: "read", Client: apitest.ClientID, Status: 200, Resources: 1}},
		"GET /fhir/Group/:id":                   {"/fhir/Group/ward", "", apitest.AuditLine{Action: "read", Client: apitest.ClientID, Status: 200, Resources: 1}},
		"GET /fhir/$export":                     {"/fhir/$export?_type=Patient", "", kickOff},
		"POST /fhir/$export":                    {"/fhir/$export?_type=Patient", "", kickOff},
		"GET /fhir/Patient/$export":             {"/fhir/Patient/$export?_type=Patient", "", kickOff},
		"POST /fhir/Patient/$export":            {"/fhir/Patient/$export?_type=Patient", "", kickOff},
		"GET /fhir/Group/:id/$export":           {"/fhir/Group/ward/$export?_type=Patient", "", kickOff},
		"POST /fhir/Group/:id/$export":          {"/fhir/Group/ward/$export?_type=Patient", "", kickOff},
		"GET /fhir/$export-status/:id":          {status + export.String(), "", apitest.AuditLine{Action: "manifest", Client: apitest.ClientID, Status: 200, Export: export.String(), Types: []string{"Patient"}, Resources: 3}},
		"DELETE /fhir/$export-status/:id":       {status + cancelled, "", apitest.AuditLine{Action: "cancel", Client: apitest.ClientID, Status: 202, Export: cancelled}},
		"GET /fhir/$export-files/:id/*name":     {file, "", download},
		"HEAD /fhir/$export-files/:id/*name":    {file, "", download},
		"GET /:type/$dump, with respond-async":  {"/Patient/$dump", "", kickOff},
		"GET /fhir/$export-status/:id, refused": {status + cancelled, "", apitest.AuditLine{Action: "poll", Client: apitest.ClientID, Status: 404, Export: cancelled}},
	}
	for _, route := range api.New(b.Config).Routes() {
		if name := route.Method + " " + route.Path; !slices.Contains(publicRoutes, name) {
			require.Contains(t, cases, name, "a route without a case")
		}
	}
	for name, test := range cases {
		if strings.HasSuffix(name, "refused") {
			continue
		}
		b.requireAudited(t, name, test)
	}
	const refused = "GET /fhir/$export-status/:id, refused"
	b.requireAudited(t, refused, cases[refused]) // after the export was cancelled
}

// kickOffID starts an export and returns its id.
func (b *testBundle) kickOffID(t *testing.T, target string) uuid.UUID {
	t.Helper()
	got := b.Get(t, target)
	require.Equal(t, http.StatusAccepted, got.StatusCode, got.Text)
	id, err := uuid.Parse(path.Base(got.Header.Get("Content-Location")))
	require.NoError(t, err)
	return id
}

// requireAudited sends the request of a case and compares the event of its end.
func (b *testBundle) requireAudited(t *testing.T, name string, test routeCase) {
	t.Helper()
	method, _, _ := strings.Cut(name, " ")
	var got apitest.Answer
	if test.form != "" {
		got = b.postToken(t, test.form)
	} else {
		request := b.Request(t, method, test.target)
		if strings.HasSuffix(name, "respond-async") {
			request.Header.Set("Prefer", "respond-async")
		}
		got = b.Do(t, request)
	}
	want := test.want
	want.Outcome, want.Remote, want.Bytes = "done", "127.0.0.1", len(got.Text)
	want.Path, _, _ = strings.Cut(test.target, "?")
	if want.Status >= http.StatusBadRequest {
		want.Outcome = "refused"
	}
	if want.Action == "kick-off" {
		want.Export = path.Base(got.Header.Get("Content-Location"))
	}
	require.Equal(t, want, b.auditEnd(t, got.Header.Get("X-Request-Id")), name)
}

// auditEnd waits for the event of the end of a request.
func (b *testBundle) auditEnd(t *testing.T, requestID string) (found apitest.AuditLine) {
	t.Helper()
	require.Eventually(t, func() bool {
		for text := range strings.Lines(b.Logs.String()) {
			var line struct{ Audit apitest.AuditLine }
			if json.Unmarshal([]byte(text), &line) == nil && line.Audit.Request == requestID && line.Audit.Outcome != "started" {
				found = line.Audit
				found.Request = ""
				return true
			}
		}
		return false
	}, apitest.Patience, apitest.Tick)
	return found
}
