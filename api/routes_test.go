package api_test

import (
	"encoding/json"
	"maps"
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
	"GET /fhir/OperationDefinition/:id",
	"GET /.well-known/smart-configuration", "GET /fhir/.well-known/smart-configuration",
}

// routeCase is a request of a route, and what its audit event must contain.
type routeCase struct {
	target, form string
	want         apitest.AuditLine
	body         string // a FHIR resource
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
		"POST /auth/token":                      {"/auth/token", app.form(t, "system/*.rs").Encode(), apitest.AuditLine{Action: "token", Client: "app", Status: 200}, ""},
		"GET /:type/$dump":                      {"/Patient/$dump", "", apitest.AuditLine{Action: "dump", Client: apitest.ClientID, Status: 200, Resources: 3}, ""},
		"GET /fhir/Group":                       {"/fhir/Group", "", apitest.AuditLine{Action: "read", Client: apitest.ClientID, Status: 200, Resources: 1}, ""},
		"GET /fhir/Group/:id":                   {"/fhir/Group/ward", "", apitest.AuditLine{Action: "read", Client: apitest.ClientID, Status: 200, Resources: 1}, ""},
		"GET /fhir/$export":                     {"/fhir/$export?_type=Patient", "", kickOff, ""},
		"POST /fhir/$export":                    {"/fhir/$export?_type=Patient", "", kickOff, ""},
		"GET /fhir/Patient/$export":             {"/fhir/Patient/$export?_type=Patient", "", kickOff, ""},
		"POST /fhir/Patient/$export":            {"/fhir/Patient/$export?_type=Patient", "", kickOff, ""},
		"GET /fhir/Group/:id/$export":           {"/fhir/Group/ward/$export?_type=Patient", "", kickOff, ""},
		"POST /fhir/Group/:id/$export":          {"/fhir/Group/ward/$export?_type=Patient", "", kickOff, ""},
		"GET /fhir/$export-status/:id":          {status + export.String(), "", apitest.AuditLine{Action: "manifest", Client: apitest.ClientID, Status: 200, Export: export.String(), Types: []string{"Patient"}, Resources: 3}, ""},
		"DELETE /fhir/$export-status/:id":       {status + cancelled, "", apitest.AuditLine{Action: "cancel", Client: apitest.ClientID, Status: 202, Export: cancelled}, ""},
		"GET /fhir/$export-files/:id/*name":     {file, "", download, ""},
		"HEAD /fhir/$export-files/:id/*name":    {file, "", download, ""},
		"GET /:type/$dump, with respond-async":  {"/Patient/$dump", "", kickOff, ""},
		"GET /fhir/$export-status/:id, refused": {status + cancelled, "", apitest.AuditLine{Action: "poll", Client: apitest.ClientID, Status: 404, Export: cancelled}, ""},
	}
	maps.Copy(cases, b.viewCases(t))
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
	id, err := uuid.Parse(exportID(got))
	require.NoError(t, err)
	return id
}

// exportID returns the id in the address of the status of an export, if the response has
// one.
func exportID(got apitest.Answer) string {
	location := got.Header.Get("Content-Location")
	if location == "" {
		return ""
	}
	return path.Base(strings.TrimSuffix(location, "/status"))
}

// viewCases returns the cases of the routes of SQL on FHIR.
func (b *testBundle) viewCases(t *testing.T) map[string]routeCase {
	t.Helper()
	b.Exec(t, `UPDATE sluice.client SET scopes = '{system/*.cruds}' WHERE id = $1`, apitest.ClientID)
	view := func(id string) string {
		return `{"resourceType":"ViewDefinition","id":"` + id + `","name":"v","status":"active","resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}]}`
	}
	for _, id := range []string{"pt", "gone"} {
		got := b.Do(t, b.RequestWithBody(t, http.MethodPut, "/fhir/ViewDefinition/"+id, view(id), "Content-Type", apitest.TypeFHIR))
		require.Equal(t, http.StatusCreated, got.StatusCode, got.Text)
	}
	const query = "?subjectReference=ViewDefinition/pt"
	reference := `{"name":"subjectReference","valueReference":{"reference":"ViewDefinition/pt"}}`
	body := apitest.Parameters(`{"name":"subject","part":[` + reference + `]}`)
	kickOff := func() uuid.UUID {
		got := b.Post(t, "/fhir/$sql-export", apitest.TypeFHIR, body, "Prefer", "respond-async")
		id, err := uuid.Parse(exportID(got))
		require.NoError(t, err, got.Text)
		return id
	}
	done, cancelled, unknown := kickOff(), kickOff().String(), uuid.NewString()
	b.Complete(t, done)

	event := func(action string, status, resources int, types ...string) apitest.AuditLine {
		return apitest.AuditLine{Action: action, Client: apitest.ClientID, Status: status, Resources: resources, Types: types}
	}
	stored := func(id string, line apitest.AuditLine) apitest.AuditLine {
		line.Resource, line.Types = id, []string{"ViewDefinition"}
		return line
	}
	of := func(export string, line apitest.AuditLine) apitest.AuditLine {
		line.Export = export
		return line
	}
	cases := map[string]routeCase{
		"GET /fhir/ViewDefinition":                          {"/fhir/ViewDefinition?_id=pt", "", stored("", event("read", 200, 1)), ""},
		"POST /fhir/ViewDefinition":                         {"/fhir/ViewDefinition", "", stored("", event("create", 201, 0)), view("x")},
		"GET /fhir/ViewDefinition/:id":                      {"/fhir/ViewDefinition/pt", "", stored("pt", event("read", 200, 1)), ""},
		"PUT /fhir/ViewDefinition/:id":                      {"/fhir/ViewDefinition/pt", "", stored("pt", event("update", 200, 0)), view("pt")},
		"DELETE /fhir/ViewDefinition/:id":                   {"/fhir/ViewDefinition/gone", "", stored("gone", event("delete", 204, 0)), ""},
		"GET /fhir/$sql-export/:id/status":                  {"/fhir/$sql-export/" + unknown + "/status", "", of(unknown, event("poll", 404, 0)), ""},
		"DELETE /fhir/$sql-export/:id/status":               {"/fhir/$sql-export/" + cancelled + "/status", "", of(cancelled, event("cancel", 202, 0)), ""},
		"GET /fhir/$sql-export/:id/result":                  {"/fhir/$sql-export/" + done.String() + "/result", "", of(done.String(), event("manifest", 200, 3, "Patient")), ""},
		"GET /fhir/ViewDefinition/:id/$run":                 {"/fhir/ViewDefinition/pt/$run", "", event("run", 200, 3, "Patient"), ""},
		"POST /fhir/ViewDefinition/:id/$run":                {"/fhir/ViewDefinition/pt/$run", "", event("run", 200, 3, "Patient"), ""},
		"GET /fhir/ViewDefinition/:id/$viewdefinition-run":  {"/fhir/ViewDefinition/pt/$viewdefinition-run", "", event("run", 200, 3, "Patient"), ""},
		"POST /fhir/ViewDefinition/:id/$viewdefinition-run": {"/fhir/ViewDefinition/pt/$viewdefinition-run", "", event("run", 200, 3, "Patient"), ""},
	}
	for _, path := range []string{"/fhir/$sql-run", "/fhir/$viewdefinition-run", "/fhir/ViewDefinition/$viewdefinition-run", "/fhir/ViewDefinition/$run"} {
		cases["GET "+path] = routeCase{path + query, "", event("run", 200, 3, "Patient"), ""}
		cases["POST "+path] = routeCase{path, "", event("run", 200, 3, "Patient"), apitest.Parameters(reference)}
	}
	for _, path := range []string{"/fhir/$sql-export", "/fhir/$viewdefinition-export", "/fhir/ViewDefinition/$viewdefinition-export"} {
		cases["GET "+path] = routeCase{path, "", event("kick-off", 400, 0), ""}
		cases["POST "+path] = routeCase{path, "", event("kick-off", 202, 0, "Patient"), body}
	}
	return cases
}

// requireAudited sends the request of a case and compares the event of its end.
func (b *testBundle) requireAudited(t *testing.T, name string, test routeCase) {
	t.Helper()
	method, _, _ := strings.Cut(name, " ")
	var got apitest.Answer
	switch {
	case test.form != "":
		got = b.postToken(t, test.form)
	case test.body != "":
		got = b.Do(t, b.RequestWithBody(t, method, test.target, test.body, "Content-Type", apitest.TypeFHIR, "Prefer", "respond-async"))
	default:
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
	switch want.Action {
	case "kick-off":
		want.Export = exportID(got)
	case "create":
		location, _, _ := strings.Cut(got.Header.Get("Location"), "/_history/")
		want.Resource = path.Base(location)
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
