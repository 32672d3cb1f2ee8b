package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
)

// documentedViews is the folder of the views that docs/tables.md explains.
const documentedViews = "../docs/views"

// documentedResources has what each documented view must get right: a patient who died
// and one without a name, a panel with and one without a diastolic value, an observation
// that is no panel, and encounters with and without a patient.
const documentedResources = `{"resourceType":"Patient","id":"p1","gender":"female","birthDate":"1980-05","deceasedDateTime":"2024-01-02T03:04:05Z","name":[{"family":"Müller","given":["Ada","M."]},{"family":"Old"}],"address":[{"city":"Köln, Süd","postalCode":"50667","country":"DE"}],"managingOrganization":{"reference":"Organization/o1"}}
{"resourceType":"Patient","id":"p2","deceasedBoolean":false}
{"resourceType":"Observation","id":"b1","status":"final","code":{"coding":[{"system":"urn:local","code":"BP"},{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":"Patient/p1"},"encounter":{"reference":"Encounter/e1"},"effectiveDateTime":"2024-01-01T10:00:00+01:00","component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":80.50,"unit":"mm[Hg]"}},{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":120,"unit":"mm[Hg]"}}]}
{"resourceType":"Observation","id":"b2","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":"Patient/p2"},"effectivePeriod":{"start":"2024-01-01"},"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":118,"unit":"mm[Hg]"}}]}
{"resourceType":"Observation","id":"b3","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8302-2"}]},"subject":{"reference":"Patient/p2"},"valueQuantity":{"value":180}}
{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"AMB"},"type":[{"coding":[{"code":"185349003","display":"Check \"up\""}]}],"subject":{"reference":"Patient/p1"},"period":{"start":"2024-01-01T09:00:00+01:00","end":"2024-01-01"}}
{"resourceType":"Encounter","id":"e2","status":"planned","class":{"code":"IMP"},"subject":{"reference":"Group/g1"}}
`

// documentedTables are the rows of the documented views, sorted.
var documentedTables = map[string]string{
	"patient_demographics": `patient_id,gender,birth_date,deceased,deceased_at,organization_id,family,given,city,postal_code,country
p1,female,1980-05,true,2024-01-02T03:04:05Z,o1,Müller,Ada M.,"Köln, Süd",50667,DE
p2,,,false,,,,,,,
`,
	"blood_pressure": `observation_id,patient_id,encounter_id,status,effective,systolic,diastolic,unit
b1,p1,e1,final,2024-01-01T10:00:00+01:00,120,80.50,mm[Hg]
b2,p2,,final,,118,,mm[Hg]
`,
	"encounters": `encounter_id,patient_id,status,class,started,ended,organization_id,type_code,type
e1,p1,finished,AMB,2024-01-01T09:00:00+01:00,2024-01-01,,185349003,"Check ""up"""
`,
}

// The documented views have the documented columns and the right rows, by $sql-run and
// from the command line.
func TestDocumentedViews(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(documentedViews, "*.json"))
	require.NoError(t, err)
	require.Len(t, files, len(documentedTables))
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.addClient()
	j.load(documentedResources)
	address, _ := j.start("api")
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		definition, err := os.ReadFile(file)
		require.NoError(t, err)

		got := send(t, http.DefaultTransport, http.MethodPost, address+"/fhir/$sql-run", parameters(t,
			map[string]any{"name": "subjectResource", "resource": json.RawMessage(definition)},
			map[string]any{"name": "_format", "valueCode": "csv"}), "Content-Type", "application/fhir+json")
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.Equal(t, "text/csv", strings.Split(got.header.Get("Content-Type"), ";")[0])
		require.Equal(t, documentedTables[name], got.body)

		stdout, _ := j.sluice(cli.ExitOK, "view", "run", file)
		require.Equal(t, documentedTables[name], stdout)
	}
}
