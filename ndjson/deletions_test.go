package ndjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/ndjson"
)

// deletedIDs are IDs for tests.
type deletedIDs struct {
	ids    []string
	err    error  // after the last one
	buffer []byte // as the wire's, it is used again
}

func (d *deletedIDs) Next() bool {
	if len(d.ids) == 0 {
		return false
	}
	d.buffer = append(d.buffer[:0], d.ids[0]...)
	d.ids = d.ids[1:]
	return true
}

func (d *deletedIDs) ID() []byte { return d.buffer }
func (d *deletedIDs) Err() error { return d.err }
func (d *deletedIDs) Cancel()    {}

// idsOf returns the ids, followed by the error.
func idsOf(err error, ids ...string) *deletedIDs { return &deletedIDs{ids: ids, err: err} }

// transaction is the part of a Bundle that a client reads.
type transaction struct {
	ResourceType string `json:"resourceType"`
	Type         string `json:"type"`
	Entry        []struct {
		Request struct {
			Method string `json:"method"`
			URL    string `json:"url"`
		} `json:"request"`
	} `json:"entry"`
}

// deletions parses lines and returns the URLs, and the number of URLs in each line.
func deletions(t *testing.T, text string) (urls []string, sizes []int) {
	t.Helper()
	for line := range strings.Lines(text) {
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.DisallowUnknownFields()
		var b transaction
		require.NoError(t, decoder.Decode(&b), line)
		require.True(t, strings.HasSuffix(line, "}\n"))
		require.Equal(t, "Bundle", b.ResourceType)
		require.Equal(t, "transaction", b.Type)
		sizes = append(sizes, len(b.Entry))
		for _, entry := range b.Entry {
			require.Equal(t, "DELETE", entry.Request.Method)
			urls = append(urls, entry.Request.URL)
		}
	}
	return urls, sizes
}

func TestWriteDeletions(t *testing.T) {
	t.Parallel()
	var ids, want []string
	for i := range 250 {
		ids = append(ids, fmt.Sprintf("pt-%d", i))
		want = append(want, fmt.Sprintf("Patient/pt-%d", i))
	}
	for _, count := range []int{0, 1, 100, 200, 250} {
		var out bytes.Buffer
		result, _, err := ndjson.WriteDeletions(t.Context(), one(&out), "Patient", idsOf(nil, ids[:count]...), ndjson.Options{})
		require.NoError(t, err)

		urls, sizes := deletions(t, out.String())
		require.Equal(t, want[:count], append([]string{}, urls...))
		require.EqualValues(t, len(sizes), result.Rows, "a Bundle is a line")
		require.EqualValues(t, out.Len(), result.Bytes)
		for _, size := range sizes {
			require.LessOrEqual(t, size, 100)
		}
	}
}

// Ids in the database need not be valid FHIR ids.
func TestWriteDeletionsOfStrangeIDs(t *testing.T) {
	t.Parallel()
	ids := []string{`a"b`, `a\b`, "a\nb", "a/b c", "Größe", "a?b#c%d"}
	var out bytes.Buffer
	_, _, err := ndjson.WriteDeletions(t.Context(), one(&out), "Patient", idsOf(nil, ids...), ndjson.Options{})
	require.NoError(t, err)

	urls, _ := deletions(t, out.String())
	for i, text := range urls {
		u, err := url.Parse(text)
		require.NoError(t, err)
		require.Equal(t, "Patient/"+ids[i], u.Path)
		require.Equal(t, 1, strings.Count(text, "/"))
	}
	require.Len(t, urls, len(ids))
}

func TestWriteDeletionsFails(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	var out bytes.Buffer
	_, _, err := ndjson.WriteDeletions(t.Context(), one(&out), "Patient", idsOf(lost, "pt-1"), ndjson.Options{Gzip: true})
	require.ErrorIs(t, err, lost)
	require.NotContains(t, out.String(), "DELETE")
	require.Empty(t, out.Bytes(), "nothing that could be taken for a whole file")
}
