package plan

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// aView returns a view of a type.
func aView(name, resourceType string) jobs.View {
	return jobs.View{Name: name, Definition: json.RawMessage(fmt.Sprintf(`{"resource":%q}`, resourceType))}
}

// plannedView decodes the plan of a part.
func plannedView(t *testing.T, part jobs.PlannedPart) viewsPart {
	t.Helper()
	var planned viewsPart
	require.NoError(t, jobs.Decode(part.Scan, &planned))
	return planned
}

// All views of a type are in the same parts, one for each range; the first is number 1.
func TestViewsParts(t *testing.T) {
	t.Parallel()
	export := jobs.Export{ID: uuid.New(), Request: jobs.Request{Tables: &jobs.Tables{Format: "csv"}}}
	views := []jobs.View{aView("b p", "Observation"), aView("labs", "Observation")}
	ranges := tableParts(aTable("Observation", 100*mib), Referenced{}, 40*mib)
	require.Len(t, ranges, 3)
	parts, err := viewsParts(export, "Observation", views, ranges)
	require.NoError(t, err)
	require.Len(t, parts, 3)
	var total int64
	for i, part := range parts {
		require.Equal(t, jobs.Views, part.Kind)
		require.Equal(t, "Observation", part.ResourceType)
		require.Equal(t, fmt.Sprintf("%s/b_p.%04d.csv.gz", export.ID, i+1), part.ObjectKey)
		planned := plannedView(t, part)
		require.Equal(t, i+1, planned.Number)
		require.Equal(t, []string{"b p", "labs"}, planned.Views)
		require.Equal(t, ranges[i].Pages.From, planned.Rows.Pages.From)
		total += part.Bytes
	}
	require.Equal(t, 100*mib, total)
}

// Views of a table without rows have one part, which writes their files.
func TestViewsPartsWithoutRows(t *testing.T) {
	t.Parallel()
	export := jobs.Export{ID: uuid.New(), Request: jobs.Request{Tables: &jobs.Tables{Format: "parquet"}}}
	parts, err := viewsParts(export, "Observation", []jobs.View{aView("bp", "Observation")}, nil)
	require.NoError(t, err)
	require.Len(t, parts, 1)
	require.Zero(t, parts[0].Bytes)
	require.Equal(t, viewsPart{Number: 1, Views: []string{"bp"}}, plannedView(t, parts[0]))
}

func TestViewsByType(t *testing.T) {
	t.Parallel()
	bp, labs, people := aView("bp", "Observation"), aView("labs", "Observation"), aView("people", "Patient")
	request := jobs.Request{Types: []string{"Observation", "Patient"}, Tables: &jobs.Tables{Views: []jobs.View{bp, people, labs}}}
	byType, err := viewsByType(request)
	require.NoError(t, err)
	require.Equal(t, map[string][]jobs.View{"Observation": {bp, labs}, "Patient": {people}}, byType)

	request.Types = []string{"Patient"} // no table of observations is locked
	_, err = viewsByType(request)
	require.ErrorContains(t, err, "view bp reads Observation")
}

func TestViewKey(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	request := jobs.Request{Tables: &jobs.Tables{Format: "parquet"}}
	require.Equal(t, id.String()+"/bp.0012.parquet", viewKey(id, request, jobs.View{Name: "bp"}, 12, 1))
	require.Equal(t, id.String()+"/bp.0012-3.parquet", viewKey(id, request, jobs.View{Name: "bp"}, 12, 3))
}
