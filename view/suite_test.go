package view_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/view"
)

// publicData returns the folder of public FHIR data, which is too large for the
// repository: SLUICE_TEST_DATA, or a folder next to the repository.
func publicData() string {
	return cmp.Or(os.Getenv("SLUICE_TEST_DATA"), filepath.Join("..", "..", "shared", "data"))
}

// suite is a file of the shared tests of SQL on FHIR.
type suite struct {
	Title     string            `json:"title"`
	Resources []json.RawMessage `json:"resources"`
	Tests     []sharedTest      `json:"tests"`
}

type sharedTest struct {
	Title         string           `json:"title"`
	View          json.RawMessage  `json:"view"`
	Expect        []map[string]any `json:"expect"`
	ExpectError   bool             `json:"expectError"`
	ExpectCount   *int             `json:"expectCount"`
	ExpectColumns []string         `json:"expectColumns"`
}

// TestSharedSuite runs the shared tests of SQL on FHIR: a view of each test on all
// resources of its file.
func TestSharedSuite(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(publicData(), "sql-on-fhir-tests", "*.json"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the shared tests of SQL on FHIR are not here")
	}
	count := 0
	for _, file := range files {
		s := readSuite(t, file)
		count += len(s.Tests)
		for _, test := range s.Tests {
			t.Run(filepath.Base(file)+"/"+test.Title, func(t *testing.T) {
				t.Parallel()
				requireShared(t, test, s.Resources)
			})
		}
	}
	require.Equal(t, 148, count)
}

func readSuite(t *testing.T, file string) suite {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var s suite
	require.NoError(t, d.Decode(&s))
	for i, resource := range s.Resources {
		s.Resources[i] = compact(t, resource)
	}
	return s
}

func requireShared(t *testing.T, test sharedTest, resources []json.RawMessage) {
	t.Helper()
	v, err := view.Parse(test.View, fhir.R4())
	var got []map[string]any
	if err == nil {
		got, err = rowsOf(v, resources...)
	}
	if test.ExpectError {
		require.Error(t, err)
		t.Log(err)
		return
	}
	require.NoError(t, err)
	if test.ExpectCount != nil {
		require.Len(t, got, *test.ExpectCount)
	}
	if test.ExpectColumns != nil {
		var names []string
		for _, c := range v.Columns {
			names = append(names, c.Name)
		}
		require.Equal(t, test.ExpectColumns, names)
	}
	if test.Expect != nil {
		require.Equal(t, multiset(test.Expect), multiset(got))
	}
}

// rowsOf evaluates a view on resources.
func rowsOf(v *view.View, resources ...json.RawMessage) (rows []map[string]any, err error) {
	e := v.NewEvaluator()
	for _, resource := range resources {
		for e.Reset(resource); e.Next(); {
			row := map[string]any{}
			for i, cell := range e.Row() {
				row[v.Columns[i].Name] = valueOf(cell)
			}
			rows = append(rows, row)
		}
		if e.Err() != nil {
			return rows, e.Err()
		}
	}
	return rows, nil
}

// valueOf returns a cell as encoding/json decodes it with numbers as text.
func valueOf(c view.Cell) any {
	switch c.Kind {
	case view.BooleanCell:
		return string(c.Text) == "true"
	case view.NumberCell:
		return json.Number(c.Text)
	case view.StringCell:
		return string(c.Text)
	case view.JSONCell:
		var value any
		if err := json.Unmarshal(c.Text, &value); err != nil {
			return fmt.Sprintf("%s: %s", err, c.Text)
		}
		return value
	case view.ListCell:
		items := []any{}
		for _, item := range c.Items {
			items = append(items, valueOf(item))
		}
		return items
	}
	return nil
}

// multiset returns rows in an order of their own, with numbers by value.
func multiset(rows []map[string]any) []string {
	texts := make([]string, len(rows))
	for i, row := range rows {
		for _, name := range slices.Sorted(maps.Keys(row)) {
			texts[i] += fmt.Sprintf("%s=%s ", name, canonical(row[name]))
		}
	}
	slices.Sort(texts)
	return texts
}

func canonical(value any) string {
	switch value := value.(type) {
	case json.Number:
		if number, ok := new(big.Rat).SetString(value.String()); ok {
			return number.RatString()
		}
	case []any:
		text := "["
		for _, item := range value {
			text += canonical(item) + ","
		}
		return text + "]"
	}
	return fmt.Sprintf("%#v", value)
}

// compact returns JSON without white space.
func compact(tb testing.TB, document []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	require.NoError(tb, json.Compact(&out, document))
	return out.Bytes()
}
