package sql_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

// described returns patientView with the id and a description.
func described(id, description string) string {
	return strings.NewReplacer(`"id":"pt"`, `"id":"`+id+`","description":"`+description+`"`, `"name":"pt"`, `"name":"`+id+`"`).Replace(patientView)
}

func TestLargeViews(t *testing.T) {
	t.Parallel()
	b := setup(t)
	large := described("large", strings.Repeat("x", 256<<10))
	text := apitest.RequireRefusal(t, b.put(t, "large", large), http.StatusUnprocessableEntity, "invalid", "")
	require.Contains(t, text, "262144")
	apitest.RequireRefusal(t, b.Post(t, runPath, apitest.TypeFHIR, apitest.Parameters(inline(large))), http.StatusUnprocessableEntity, "invalid", "subjectResource")
	apitest.RequireRefusal(t, b.export(t, subject(inline(large))), http.StatusUnprocessableEntity, "invalid", "subject[0].subjectResource")

	// The characters that are escaped in HTML take one byte, as they were received.
	signs := described("signs", strings.Repeat("<", 255<<10))
	require.Equal(t, http.StatusCreated, b.put(t, "signs", signs).StatusCode)
	require.Less(t, b.Count(t, `SELECT octet_length(definition::text) FROM sluice.view_definition`), 256<<10)
	require.Equal(t, http.StatusOK, b.Get(t, runPath+"?_limit=0&subjectReference=ViewDefinition/signs").StatusCode)
}

// TestManyLargeViews: the views of a page, and of an export, are bounded in sum.
func TestManyLargeViews(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var subjects []string
	for i := range 8 {
		id := fmt.Sprintf("view%d", i)
		got := b.put(t, id, described(id, strings.Repeat("x", 200<<10)))
		require.Equal(t, http.StatusCreated, got.StatusCode, got.Text)
		subjects = append(subjects, subject(reference(id)))
	}
	var pages []int
	for next := viewPath + "?_count=100"; next != ""; {
		got := b.Get(t, next)
		require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
		var bundle struct {
			Link  []struct{ Relation, URL string }
			Entry []struct{ Resource struct{ ID string } }
		}
		require.NoError(t, json.Unmarshal([]byte(got.Text), &bundle))
		pages, next = append(pages, len(bundle.Entry)), ""
		for _, link := range bundle.Link {
			if link.Relation == "next" {
				next = strings.TrimPrefix(link.URL, b.URL)
			}
		}
	}
	require.Equal(t, []int{6, 2}, pages)

	apitest.RequireRefusal(t, b.export(t, subjects...), http.StatusBadRequest, "too-costly", "subject")
	require.Equal(t, http.StatusAccepted, b.export(t, subjects[:5]...).StatusCode)
}

// TestLongURL: what PostgreSQL could not index is refused.
func TestLongURL(t *testing.T) {
	t.Parallel()
	b := setup(t)
	random := "" // which cannot be compressed
	for range 100 {
		random += uuid.NewString()
	}
	for _, element := range []string{"url", "version"} {
		var document map[string]any
		require.NoError(t, json.Unmarshal([]byte(patientView), &document))
		document[element] = random
		text, err := json.Marshal(document)
		require.NoError(t, err)
		apitest.RequireRefusal(t, b.put(t, "pt", string(text)), http.StatusUnprocessableEntity, "invalid", element)
	}
}
