package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
	"github.com/seed-90096f4d/sluice/table/tabletest"
	"github.com/seed-90096f4d/sluice/view"
)

// suiteFile is a file of the shared tests of SQL on FHIR.
type suiteFile struct {
	Resources []json.RawMessage `json:"resources"`
	Tests     []suiteTest       `json:"tests"`
}

type suiteTest struct {
	Title         string          `json:"title"`
	View          json.RawMessage `json:"view"`
	Expect        []json.RawMessage
	ExpectError   bool     `json:"expectError"`
	ExpectColumns []string `json:"expectColumns"`
}

// suiteTests is the number of shared tests in shared/data.
const suiteTests = 148

// TestViewSuite runs the shared tests of SQL on FHIR as a user would: the resources are
// loaded into the database, the views are evaluated by $sql-run, and all views of a file
// by an export as ndjson and another as Parquet, which independent programs read.
func TestViewSuite(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(cmp.Or(os.Getenv("SLUICE_TEST_DATA"), filepath.Join("..", "..", "shared", "data")), "sql-on-fhir-tests")
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the shared tests of SQL on FHIR are not at " + folder)
	}
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.addClient()
	address, _ := j.start("serve")

	passed := 0
	parquet := parquetFiles{dir: t.TempDir()}
	for _, file := range files {
		suite := readSuite(t, file)
		j.replaceResources(suite.Resources)
		name := filepath.Base(file)
		for _, test := range suite.Tests {
			t.Run(name+"/"+test.Title, func(t *testing.T) {
				runSuiteTest(t, address, test)
				passed++
			})
		}
		t.Run(name+"/export", func(t *testing.T) { exportSuite(t, address, suite.Tests, &parquet) })
	}
	for _, reader := range tabletest.Readers {
		t.Run("parquet/"+string(reader), func(t *testing.T) { parquet.require(t, reader) })
	}
	if !t.Failed() {
		require.Equal(t, suiteTests, passed)
	}
}

func readSuite(t *testing.T, file string) (suite suiteFile) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &suite))
	require.NotEmpty(t, suite.Tests)
	return suite
}

// replaceResources makes these the only resources of the database.
func (j *journey) replaceResources(resources []json.RawMessage) {
	j.t.Helper()
	sourcetest.Execute(j.t, j.database, `DO $$ DECLARE name text; BEGIN
		FOR name IN SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' LOOP
			EXECUTE 'DELETE FROM ' || name;
		END LOOP; END $$`)
	var lines bytes.Buffer
	for i, resource := range resources {
		require.NoError(j.t, json.Compact(&lines, withID(j.t, resource, fmt.Sprintf("r%d", i))))
		lines.WriteByte('\n')
	}
	j.load(lines.String())
}

// withID returns the resource with this id, unless it has one: a row of a table does.
func withID(t *testing.T, resource json.RawMessage, id string) json.RawMessage {
	t.Helper()
	var document struct{ ID string }
	require.NoError(t, json.Unmarshal(resource, &document))
	if document.ID != "" {
		return resource
	}
	return withMember(t, resource, fmt.Sprintf(`"id":%q`, id))
}

// runSuiteTest evaluates the view by $sql-run as ndjson and as JSON.
func runSuiteTest(t *testing.T, address string, test suiteTest) {
	t.Helper()
	for _, format := range []string{"ndjson", "json"} {
		got := send(t, http.DefaultTransport, http.MethodPost, address+"/fhir/$sql-run", suiteRun(t, test.View, format), "Content-Type", "application/fhir+json")
		if test.ExpectError {
			requireRefused(t, got)
			continue
		}
		require.Equal(t, http.StatusOK, got.status, got.body)
		rows := jsonRows(t, format, got.body)
		require.Equal(t, suiteRows(t, test.Expect), rows, format)
		if test.ExpectColumns != nil && format == "ndjson" {
			require.Equal(t, test.ExpectColumns, memberNames(t, got.body))
		}
	}
}

// requireRefused requires an error before the first row: of the view, or of the data.
func requireRefused(t *testing.T, got answer) {
	t.Helper()
	require.Contains(t, []int{http.StatusUnprocessableEntity, http.StatusInternalServerError}, got.status, got.body)
	require.Contains(t, got.body, `"resourceType":"OperationOutcome"`)
}

func suiteRun(t *testing.T, view json.RawMessage, format string) string {
	t.Helper()
	return parameters(t,
		map[string]any{"name": "subjectResource", "resource": asViewDefinition(t, view)},
		map[string]any{"name": "_format", "valueCode": format})
}

// asViewDefinition adds the resourceType, which the views of the shared tests lack.
func asViewDefinition(t *testing.T, view json.RawMessage) json.RawMessage {
	t.Helper()
	return withMember(t, view, `"resourceType":"ViewDefinition"`)
}

// withMember returns an object with one more member, which is the first.
func withMember(t *testing.T, object json.RawMessage, member string) json.RawMessage {
	t.Helper()
	inside, found := bytes.CutPrefix(bytes.TrimSpace(object), []byte("{"))
	require.True(t, found)
	if !bytes.Equal(bytes.TrimSpace(inside), []byte("}")) {
		member += ","
	}
	return slices.Concat([]byte("{"+member), inside)
}

// parameters returns a Parameters resource.
func parameters(t *testing.T, parameter ...any) string {
	t.Helper()
	document, err := json.Marshal(map[string]any{"resourceType": "Parameters", "parameter": parameter})
	require.NoError(t, err)
	return string(document)
}

// exportSuite exports the tests of a file as the outputs of one export, as ndjson and as
// Parquet.
func exportSuite(t *testing.T, address string, tests []suiteTest, parquet *parquetFiles) {
	t.Helper()
	var names []string
	var definitions []json.RawMessage
	var subjects []any
	expected := map[string][]string{}
	for i, test := range tests {
		if test.ExpectError {
			requireExportFails(t, address, test)
			continue
		}
		name := fmt.Sprintf("view_%d", i)
		names = append(names, name)
		expected[name] = suiteRows(t, test.Expect)
		definitions = append(definitions, asViewDefinition(t, test.View))
		subjects = append(subjects, subject(name, definitions[len(definitions)-1]))
	}
	if len(subjects) == 0 {
		return // all of the tests expect an error
	}
	outputs := exportTables(t, address, "ndjson", subjects...)
	binary := exportTables(t, address, "parquet", subjects...)
	for i, name := range names {
		require.Len(t, outputs[name], 1, "the tables are small")
		require.Len(t, binary[name], 1)
		require.Equal(t, expected[name], jsonRows(t, "ndjson", outputs[name][0]), name)
		parquet.add(t, definitions[i], binary[name][0], outputs[name][0])
	}
}

// parquetFiles are files of Parquet with what they must contain.
type parquetFiles struct {
	dir   string
	names []string
	want  []tabletest.Table
}

// add adds the file of a view that has the rows of these lines of ndjson.
func (p *parquetFiles) add(t *testing.T, definition json.RawMessage, content, lines string) {
	t.Helper()
	parsed, err := view.Parse(definition, fhir.R4())
	require.NoError(t, err)
	p.names = append(p.names, filepath.Join(p.dir, fmt.Sprintf("%d.parquet", len(p.names))))
	require.NoError(t, os.WriteFile(p.names[len(p.names)-1], []byte(content), 0o600))
	p.want = append(p.want, tabletest.ReadNDJSON(t, parsed.Columns, []byte(lines)))
}

// require requires that a reader finds the same rows in the same order.
func (p *parquetFiles) require(t *testing.T, reader tabletest.Reader) {
	t.Helper()
	require.NotEmpty(t, p.names)
	for i, table := range tabletest.ReadAllParquet(t, reader, p.names) {
		require.Equal(t, p.want[i], table, p.names[i])
	}
}

// subject returns the parameter for a view of an export.
func subject(name string, view json.RawMessage) any {
	return map[string]any{"name": "subject", "part": []any{
		map[string]any{"name": "name", "valueString": name},
		map[string]any{"name": "subjectResource", "resource": view},
	}}
}

// requireExportFails requires that an export of the view is refused, or fails.
func requireExportFails(t *testing.T, address string, test suiteTest) {
	t.Helper()
	accepted := kickOffTables(t, address, "ndjson", subject("view", asViewDefinition(t, test.View)))
	if accepted.status == http.StatusUnprocessableEntity {
		requireRefused(t, accepted)
		return
	}
	require.Equal(t, http.StatusAccepted, accepted.status, accepted.body)
	requireRefused(t, awaitTables(t, accepted.header.Get("Content-Location")))
}

func kickOffTables(t *testing.T, address, format string, subjects ...any) answer {
	t.Helper()
	body := parameters(t, append(slices.Clone(subjects), map[string]any{"name": "_format", "valueCode": format})...)
	return send(t, http.DefaultTransport, http.MethodPost, address+"/fhir/$sql-export", body, "Content-Type", "application/fhir+json", "Prefer", "respond-async")
}

// awaitTables waits for the end of an export of tables, and returns its result.
func awaitTables(t *testing.T, status string) answer {
	t.Helper()
	ended := awaitEnd(t, status, func(location string) answer {
		return send(t, http.DefaultTransport, http.MethodGet, location, "")
	})
	require.Equal(t, http.StatusSeeOther, ended.status, ended.body)
	return send(t, http.DefaultTransport, http.MethodGet, ended.header.Get("Location"), "")
}

// exportTables exports views and returns the contents of the files of each output.
func exportTables(t *testing.T, address, format string, subjects ...any) map[string][]string {
	t.Helper()
	accepted := kickOffTables(t, address, format, subjects...)
	require.Equal(t, http.StatusAccepted, accepted.status, accepted.body)
	result := awaitTables(t, accepted.header.Get("Content-Location"))
	require.Equal(t, http.StatusOK, result.status, result.body)
	outputs := map[string][]string{}
	for name, links := range outputLinks(t, result.body) {
		for _, link := range links {
			file := send(t, http.DefaultTransport, http.MethodGet, link, "", "Authorization", "none")
			require.Equal(t, http.StatusOK, file.status, file.body)
			outputs[name] = append(outputs[name], file.body)
		}
	}
	return outputs
}

// outputLinks returns the links of each output of a result.
func outputLinks(t *testing.T, result string) map[string][]string {
	t.Helper()
	var document struct {
		Parameter []struct {
			Name string
			Part []struct{ Name, ValueString, ValueUri string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(result), &document))
	links := map[string][]string{}
	for _, parameter := range document.Parameter {
		if parameter.Name != "output" {
			continue
		}
		require.Equal(t, "name", parameter.Part[0].Name)
		for _, part := range parameter.Part[1:] {
			if part.Name == "location" {
				links[parameter.Part[0].ValueString] = append(links[parameter.Part[0].ValueString], part.ValueUri)
			}
		}
	}
	return links
}

// suiteRows returns the rows in a form that can be compared, sorted.
func suiteRows(t *testing.T, rows []json.RawMessage) []string {
	t.Helper()
	comparable := make([]string, len(rows))
	for i, row := range rows {
		comparable[i] = canonical(t, row)
	}
	slices.Sort(comparable)
	return comparable
}

func jsonRows(t *testing.T, format, body string) []string {
	t.Helper()
	var rows []json.RawMessage
	if format == "json" {
		require.NoError(t, json.Unmarshal([]byte(body), &rows))
	} else {
		for line := range strings.Lines(body) {
			rows = append(rows, json.RawMessage(line))
		}
	}
	return suiteRows(t, rows)
}

// canonical returns JSON with sorted members and with numbers as fractions, so that 1.0
// and 1 are equal.
func canonical(t *testing.T, document json.RawMessage) string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	require.NoError(t, decoder.Decode(&value))
	text, err := json.Marshal(fractions(t, value))
	require.NoError(t, err)
	return string(text)
}

func fractions(t *testing.T, value any) any {
	t.Helper()
	switch value := value.(type) {
	case json.Number:
		number, ok := new(big.Rat).SetString(value.String())
		require.True(t, ok, value)
		return map[string]string{"number": number.RatString()}
	case []any:
		for i := range value {
			value[i] = fractions(t, value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = fractions(t, value[name])
		}
	}
	return value
}

// memberNames returns the names of the members of the first line, in order.
func memberNames(t *testing.T, lines string) (names []string) {
	t.Helper()
	first, _, _ := strings.Cut(lines, "\n")
	for _, match := range regexp.MustCompile(`[{,]"([^"]+)":`).FindAllStringSubmatch(first, -1) {
		names = append(names, match[1])
	}
	return names
}
