package view_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/view"
)

// TestPublicResources reads every root element of the public resources as a list, and
// compares the cells with encoding/json.
func TestPublicResources(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("reads 160 MB")
	}
	files, err := filepath.Glob(filepath.Join(publicData(), "r4-examples", "*.ndjson.gz"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the public resources are not here")
	}
	for _, file := range files {
		resources := readLines(t, file)
		var first struct {
			ResourceType string `json:"resourceType"`
		}
		require.NoError(t, json.Unmarshal(resources[0], &first))
		v := parse(t, listView(first.ResourceType))
		e := v.NewEvaluator()
		for _, resource := range resources {
			e.Reset(resource)
			require.True(t, e.Next(), "%s: %v", file, e.Err())
			requireElements(t, v, resource, e.Row())
			require.False(t, e.Next())
			require.NoError(t, e.Err())
		}
	}
}

// listView returns a view with a column for each element of a type.
func listView(resourceType string) string {
	var columns []string
	for _, name := range fhir.R4().ElementNames(resourceType) {
		columns = append(columns, fmt.Sprintf("{\"name\":%q,\"path\":\"`%s`\",\"collection\":true}", name, name))
	}
	return fmt.Sprintf(`{"resource":%q,"select":[{"column":[%s]}]}`, resourceType, strings.Join(columns, ","))
}

// requireElements compares the cells with the members of the resource.
func requireElements(t *testing.T, v *view.View, resource []byte, row []view.Cell) {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(resource, &members))
	for i, column := range v.Columns {
		element, ok := fhir.R4().Element(v.Resource, column.Name)
		require.True(t, ok)
		want := []json.RawMessage{}
		for _, typ := range element.Types {
			key := column.Name
			if element.Choice {
				key += strings.ToUpper(typ[:1]) + typ[1:]
			}
			switch value := members[key]; {
			case bytes.HasPrefix(value, []byte("[")):
				require.NoError(t, json.Unmarshal(value, &want))
			case value != nil || members["_"+key] != nil:
				want = append(want, value)
			}
		}
		require.Len(t, row[i].Items, len(want), "%s of %.200s", column.Name, resource)
		for k, item := range row[i].Items {
			requireCell(t, want[k], item)
		}
	}
}

// requireCell compares a cell with JSON.
func requireCell(t *testing.T, want []byte, cell view.Cell) {
	t.Helper()
	switch cell.Kind {
	case view.Null:
		require.Empty(t, bytes.TrimPrefix(want, []byte("null")))
	case view.StringCell:
		var text string
		require.NoError(t, json.Unmarshal(want, &text))
		require.Equal(t, text, string(cell.Text))
	default:
		require.Equal(t, string(want), string(cell.Text))
	}
}

// TestDocumentedViews: the views of the documentation are valid, all their columns have
// types, and they have rows for public resources.
func TestDocumentedViews(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "docs", "views", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		document, err := os.ReadFile(file)
		require.NoError(t, err)
		v := parse(t, string(document))
		require.Equal(t, strings.TrimSuffix(filepath.Base(file), ".json"), v.Name)
		require.NotNil(t, v.Elements())
		for _, c := range v.Columns {
			require.False(t, c.Untyped, c.Name)
		}
		rows := 0
		e := v.NewEvaluator()
		data, err := filepath.Glob(filepath.Join(publicData(), "synthea-bds", v.Resource+"*.ndjson.gz"))
		require.NoError(t, err)
		for _, path := range data {
			for _, resource := range readLines(t, path) {
				for e.Reset(resource); e.Next(); rows++ {
					require.Equal(t, view.StringCell, e.Row()[0].Kind)
				}
				require.NoError(t, e.Err())
			}
		}
		require.True(t, rows > 0 || len(data) == 0, file)
	}
}
