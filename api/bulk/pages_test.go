package bulk_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

// TestPartialManifests: files are shown while others are written, and a link
// leads from page to page.
func TestPartialManifests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Aidbox(t, "Account")
	id := b.KickOff(t, "/fhir/$export?_type=Patient,Group,Account&allowPartialManifests=true").ID
	type page struct {
		TransactionTime, Request string
		Output                   []struct{ Type, URL string }
		Link                     []struct{ Relation, URL string }
	}
	read := func(target string, status int) page {
		got := b.Get(t, target)
		require.Equal(t, status, got.StatusCode, got.Text)
		require.Equal(t, "application/json", got.Header.Get("Content-Type"))
		var p page
		require.NoError(t, json.Unmarshal([]byte(got.Text), &p))
		return p
	}
	target := apitest.StatusPath + id.String()
	require.Empty(t, b.Get(t, target).Text, "nothing is known yet")
	b.Exec(t, `UPDATE sluice.export SET state = 'running', transaction_time = now() WHERE id = $1`, id)
	require.Empty(t, b.Get(t, target).Text, "nothing is there yet")

	add := func(number int, resourceType string) {
		key := id.String() + "/" + resourceType + ".0001.ndjson.gz"
		b.Exec(t, `INSERT INTO sluice.part (export_id, number, generation, resource_type, scan, object_key, job_id, state, bytes_planned)
			VALUES ($1, $2, 1, $3, '{}', $4, 1, 'done', 1)`, id, number, resourceType, key)
		b.Exec(t, `INSERT INTO sluice.file (export_id, part_number, number, kind, resource_type, object_key, resources, plain_bytes, max_line_bytes, stored_bytes, sha256, etag)
			VALUES ($1, $2, 1, 'output', $3, $4, 3, 30, 10, 20, 'hash', 'etag')`, id, number, resourceType, key)
	}
	add(1, "Patient")
	first := read(target, http.StatusAccepted)
	require.Len(t, first.Output, 1)
	require.Empty(t, first.Link)
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(b.Logs.Audited(t), func(line apitest.AuditLine) bool {
			return line.Action == "manifest" && line.Status == http.StatusAccepted && line.Resources == 3
		})
	}, apitest.Patience, apitest.Tick, "links were given away")
	apitest.RequireRefusal(t, b.Get(t, target+"?page=2"), http.StatusNotFound, "not-found", "")

	add(2, "Group")
	add(3, "Account")
	again := read(target, http.StatusAccepted)
	require.Equal(t, "Patient", again.Output[0].Type)
	require.Len(t, again.Output, 1, "a page stays as it is")
	require.Len(t, again.Link, 1, "but for the link")
	require.Equal(t, "next", again.Link[0].Relation)
	require.Equal(t, b.URL+target+"?page=2", again.Link[0].URL)

	b.Exec(t, `UPDATE sluice.export SET state = 'completed', expires_at = now() + interval '1 day', finished_at = now() WHERE id = $1`, id)
	second := read(target+"?page=2", http.StatusOK)
	require.Len(t, second.Output, 2)
	require.Empty(t, second.Link)
	require.Equal(t, again.TransactionTime, second.TransactionTime)
	require.Equal(t, again.Request, second.Request)
	require.Equal(t, again.Link, read(target, http.StatusOK).Link)

	for _, number := range []string{"0", "x", "3", "-1"} {
		apitest.RequireRefusal(t, b.Get(t, target+"?page="+number), http.StatusNotFound, "not-found", "")
	}
	other := b.KickOff(t, "/fhir/$export?_type=Patient").ID
	apitest.RequireRefusal(t, b.Get(t, apitest.StatusPath+other.String()+"?page=2"), http.StatusNotFound, "not-found", "")
}
