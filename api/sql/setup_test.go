package sql_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
)

// testBundle is a server with its databases and object store.
type testBundle struct{ *apitest.Bundle }

// setup starts a server on three patients, a Group of two of them, and an observation of
// each. The client has all scopes. It stops with the test.
func setup(t *testing.T, adjust ...func(*api.Config)) *testBundle {
	t.Helper()
	b := &testBundle{apitest.Setup(t, adjust...)}
	b.Ward(t)
	b.Exec(t, `UPDATE patient SET ts = ('2024-01-0' || right(id, 1) || 'T12:00:00Z')::timestamptz, resource = jsonb_build_object('gender', 'female')`)
	b.Exec(t, `INSERT INTO observation (id, txid, status, resource) SELECT 'obs-' || n, n, 'created',
		jsonb_build_object('status', 'final', 'subject', jsonb_build_object('resourceType', 'Patient', 'id', 'pt-' || n), 'value', jsonb_build_object('integer', n))
		FROM generate_series(1, 3) AS n`)
	b.Exec(t, `UPDATE sluice.client SET scopes = '{system/*.cruds}'`)
	return b
}

// definition returns a ViewDefinition with the id and name over a resource type.
func definition(name, resourceType string, columns ...string) string {
	if columns == nil {
		columns = []string{"id", "getResourceKey()"}
	}
	var list []map[string]string
	for i := 0; i < len(columns); i += 2 {
		list = append(list, map[string]string{"name": columns[i], "path": columns[i+1]})
	}
	text, err := json.Marshal(map[string]any{
		"resourceType": "ViewDefinition", "id": name, "name": name, "url": "https://example.org/" + name, "version": "1",
		"status": "active", "resource": resourceType, "select": []any{map[string]any{"column": list}},
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// The views of the tests: a patient, and an observation with its patient.
var (
	patientView     = definition("pt", "Patient", "id", "getResourceKey()", "gender", "gender")
	observationView = definition("obs", "Observation", "id", "getResourceKey()", "patient", "subject.getReferenceKey(Patient)", "n", "value.ofType(integer)")
	practitioner    = definition("doctors", "Practitioner")
)

// put stores a view under an id.
func (b *testBundle) put(t *testing.T, id, view string) apitest.Answer {
	t.Helper()
	return b.Do(t, b.RequestWithBody(t, http.MethodPut, "/fhir/ViewDefinition/"+id, view, "Content-Type", apitest.TypeFHIR))
}

// store stores the views of the tests.
func (b *testBundle) store(t *testing.T) {
	t.Helper()
	b.Aidbox(t, "Practitioner")
	for id, view := range map[string]string{"pt": patientView, "obs": observationView, "doctors": practitioner} {
		got := b.put(t, id, view)
		require.Equal(t, http.StatusCreated, got.StatusCode, got.Text)
	}
}

// as adds a client with these scopes and Groups, and returns its requests.
func (b *testBundle) as(t *testing.T, id string, groups []string, scopes ...string) func(*http.Request) *http.Request {
	t.Helper()
	require.NoError(t, b.Clients.Add(t.Context(), id, "hushhush", scopes))
	if groups != nil {
		b.Exec(t, `UPDATE sluice.client SET groups = $2 WHERE id = $1`, id, groups)
	}
	return func(request *http.Request) *http.Request {
		request.SetBasicAuth(id, "hushhush")
		return request
	}
}

// issues returns the codes and expressions of an OperationOutcome.
func issues(t *testing.T, got apitest.Answer) (all []string) {
	t.Helper()
	var outcome apitest.Outcome
	require.NoError(t, json.Unmarshal([]byte(got.Text), &outcome), got.Text)
	require.Equal(t, "OperationOutcome", outcome.ResourceType)
	for _, issue := range outcome.Issue {
		require.Equal(t, "error", issue.Severity)
		require.NotEmpty(t, issue.Diagnostics)
		require.LessOrEqual(t, len(issue.Expression), 1)
		text := issue.Code
		if len(issue.Expression) > 0 {
			text += " " + issue.Expression[0]
		}
		all = append(all, text)
	}
	return all
}

// subject returns a repetition of subject of $sql-export.
func subject(parts ...string) string {
	return `{"name":"subject","part":[` + strings.Join(parts, ",") + `]}`
}

// reference returns a parameter subjectReference.
func reference(id string) string {
	return fmt.Sprintf(`{"name":"subjectReference","valueReference":{"reference":"ViewDefinition/%s"}}`, id)
}

// inline returns a parameter subjectResource.
func inline(view string) string { return `{"name":"subjectResource","resource":` + view + `}` }

// named returns a parameter name.
func named(name string) string { return fmt.Sprintf(`{"name":"name","valueString":%q}`, name) }

const (
	runPath    = "/fhir/$sql-run"
	exportPath = "/fhir/$sql-export"
)

// export sends a kick-off of these parameters.
func (b *testBundle) export(t *testing.T, parameters ...string) apitest.Answer {
	t.Helper()
	return b.Post(t, exportPath, apitest.TypeFHIR, apitest.Parameters(parameters...), "Prefer", "respond-async")
}
