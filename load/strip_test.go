package load

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStripKeepsTheRestByteForByte(t *testing.T) {
	t.Parallel()

	for doc, want := range map[string]string{
		`{}`:                                  `{}`,
		`{"id":"a","resourceType":"Patient"}`: `{}`,
		`{"id":"a","x":1.50,"resourceType":"Patient","y":"é\"}\\"}`:  `{"x":1.50,"y":"é\"}\\"}`,
		`{ "x" : [ 1 , {"id" : "b"} ] , "id" : "a" }`:                `{"x":[ 1 , {"id" : "b"} ]}`,
		`{"meta":{"versionId":7,"lastUpdated":"t","createdAt":"c"}}`: `{}`,
		`{"meta":{"tag":[{}],"versionId":7,"source":"s"},"id":"a"}`:  `{"meta":{"tag":[{}],"source":"s"}}`,
		`{"meta":{}}`:             `{}`,
		`{"meta":null,"x":{}}`:    `{"meta":null,"x":{}}`,
		`{"m\u0065ta":{"a":1}}`:   `{"m\u0065ta":{"a":1}}`,
		`{"x":{"meta":{"id":1}}}`: `{"x":{"meta":{"id":1}}}`,
		`{"x":"\\","id":"a"}`:     `{"x":"\\"}`,
	} {
		got, _, err := strip([]byte("before"), []byte(doc))
		require.NoError(t, err, doc)
		require.Equal(t, "before"+want, string(got))
	}
}

func TestStripReadsTheHeader(t *testing.T) {
	t.Parallel()

	_, head, err := strip(nil, []byte(`{"\u0069d":"a\u002d1","resourceType":"Patient","meta":{"lastUpdated":"t","createdAt":"c"}}`))
	require.NoError(t, err)
	require.Equal(t, header{
		resourceType: []byte("Patient"), id: []byte("a-1"), lastUpdated: []byte(`"t"`), createdAt: []byte(`"c"`),
	}, head)
}

// FuzzStrip compares with encoding/json: a valid object loses only the members that are
// columns, and an invalid one remains invalid.
func FuzzStrip(f *testing.F) {
	for _, doc := range []string{
		`{"resourceType":"Patient","id":"a","meta":{"versionId":1,"tag":[]},"name":[{"given":["A"]}]}`,
		`{"a":"\"","b":[[],{}],"meta":[1]}`, `{"a":[}]}`, `{"a":1}}`, `{"a":1,}`, `[]`, `{"meta":{"a":`, `{"":"\\"}`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		got, head, err := strip(nil, doc)
		valid := json.Valid(doc) && doc[len(doc)-len(strings.TrimLeft(string(doc), " \t\r\n"))] == '{'
		switch {
		case err != nil && valid:
			require.ErrorIs(t, err, errRepeated)
			return
		case err != nil:
			return
		case !valid:
			require.False(t, json.Valid(got), "%q became %q", doc, got)
			return
		}

		want, stripped := decode(t, doc), decode(t, got)
		if id, ok := want["id"].(string); ok {
			require.Equal(t, id, string(head.id))
		}
		delete(want, "id")
		delete(want, "resourceType")
		if meta, ok := want["meta"].(map[string]any); ok {
			delete(meta, "versionId")
			delete(meta, "lastUpdated")
			delete(meta, "createdAt")
			if len(meta) == 0 {
				delete(want, "meta")
			}
		}
		require.Equal(t, want, stripped)
	})
}

func decode(t *testing.T, doc []byte) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(doc)))
	decoder.UseNumber()
	var object map[string]any
	require.NoError(t, decoder.Decode(&object))
	return object
}
