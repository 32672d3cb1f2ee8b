package jsonscan_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

// valid are documents with what is rare in JSON.
var valid = []string{
	`{}`, " \t\r\n{ } ", `{"":""}`, `{"a":[]}`, `{"a":[[],{}]}`, `{"a":[1,-0,0.5,1E5,1e-5,-1.5e+5]}`,
	`{"a":"\" \\ \/ \b \f \n \r \t \u00e9 \uD83D\ude00"}`, "{\"a\":\"é \u007f 😀\"}", `{"a":1,"a":2}`,
	`{"a":` + strings.Repeat("[", 999) + strings.Repeat("]", 999) + `}`,
}

// invalid are documents that are not JSON, or that jsonb cannot store.
var invalid = []string{
	``,
	`[1]`,
	` "a"`,
	"\ufeff{}",
	`{`,
	`{"a"`,
	`{"a":`,
	`{"a":1`,
	`{"a":1,}`,
	`{"a":1 "b":2}`,
	`{"a":[1,]}`,
	`{"a":[1}}`,
	`{"a":tru}`,
	`{"a":nullx}`,
	`{a:1}`,
	`{"a":01}`,
	`{"a":-}`,
	`{"a":1.}`,
	`{"a":1e+}`,
	`{"a":.5}`,
	`{"a":"b}`,
	`{"a":"b\`,
	`{"a":"\x"}`,
	`{"a":"\u12g4"}`,
	"{\"a\":\"\n\"}",
	"{\"a\":\"long enough to skip\x01\"}",
	"{\"a\":\"\xff\"}",
	"{\"a\":\"\xed\xa0\x80\"}",
	`{"a":"\u0000"}`,
	`{"a":"\ud800"}`,
	`{"a":"\ud83d\u0041"}`,
	`{"a":"\ude00\ud83d"}`,
	`{} {}`,
	`{"a":` + strings.Repeat("[", 1000),
}

func seeds(f *testing.F) {
	f.Helper()
	for _, doc := range valid {
		f.Add([]byte(doc))
	}
	for _, doc := range invalid {
		f.Add([]byte(doc))
	}
	f.Add([]byte(`{"id": "a", "meta": {"tag": [{"code": "x"}, {}]}, "a\"b\\": -1.5e3, "resourceType": "\\\"}"}`))
}

// FuzzScan compares with encoding/json if the document is JSON. No document causes a
// panic or an index beyond its end.
func FuzzScan(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		doc = slices.Clip(doc)
		i := jsonscan.SkipSpace(doc, 0)
		end := jsonscan.ValueEnd(doc, i)
		require.LessOrEqual(t, end, len(doc))
		got, compactEnd := jsonscan.AppendCompact(nil, doc, i)
		require.Equal(t, end, compactEnd)
		jsonscan.FindMember(doc, i, "x")
		if jsonscan.At(doc, i) == '{' {
			jsonscan.CountMembers(doc, i)
		}
		text, isString := jsonscan.StringText(doc, i)
		jsonscan.CompareNames(text, "meta")
		if !json.Valid(doc) {
			return
		}
		require.Equal(t, len(doc), jsonscan.SkipSpace(doc, end))
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, doc))
		require.Equal(t, compact.String(), string(got))
		if isString {
			require.Equal(t, string(doc[i+1:end-1]), string(text))
		}
		if doc[i] == '{' {
			requireMembers(t, doc, i)
		}
	})
}

// requireMembers compares the members of a valid object with json.Decoder.
func requireMembers(t *testing.T, doc []byte, i int) {
	t.Helper()
	var names, values []string
	for i = jsonscan.SkipSpace(doc, i+1); doc[i] != '}'; i = jsonscan.SkipSpace(doc, i+1) {
		m, ok := jsonscan.NextMember(doc, i)
		require.True(t, ok)
		found, ok := jsonscan.FindMember(doc, jsonscan.SkipSpace(doc, 0), string(m.Name(doc)))
		require.True(t, ok)
		require.LessOrEqual(t, found.Key, m.Key)
		end := jsonscan.ValueEnd(doc, m.Value)
		names, values = append(names, decode(t, doc[m.Key:m.KeyEnd])), append(values, string(doc[m.Value:end]))
		if i = jsonscan.SkipSpace(doc, end); doc[i] != ',' {
			break
		}
	}
	require.Equal(t, len(names), jsonscan.CountMembers(doc, jsonscan.SkipSpace(doc, 0)))

	decoder := json.NewDecoder(bytes.NewReader(doc))
	_, err := decoder.Token()
	require.NoError(t, err)
	for k := range names {
		name, err := decoder.Token()
		require.NoError(t, err)
		require.Equal(t, name, names[k])
		var value json.RawMessage
		require.NoError(t, decoder.Decode(&value))
		require.Equal(t, string(value), values[k])
	}
	require.False(t, decoder.More())
}

// FuzzPreviousMember reads objects as PostgreSQL prints them from the end.
func FuzzPreviousMember(f *testing.F) {
	f.Add("id", `"a"`, `\"`, `{"tag": [{"code": "]"}, {}]}`, "b", `-1`)
	f.Add(`\\`, `"\\"`, `a\\\"`, `["{", "\""]`, "", `"\\\""`)
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2, name3, value3 string) {
		names, values := []string{name1, name2, name3}, []string{value1, value2, value3}
		object := []byte("{")
		for k := range names {
			quoted := `"` + names[k] + `"`
			if !json.Valid([]byte(quoted)) || !json.Valid([]byte(values[k])) {
				return
			}
			if k > 0 {
				object = append(object, ", "...)
			}
			object = append(append(object, quoted+`: `...), spaced(t, values[k])...)
		}
		end := len(object)
		object = append(object, '}')
		for k := 2; k >= 0; k-- {
			m, ok := jsonscan.PreviousMember(object, 1, end)
			require.True(t, ok, "%s", object)
			require.Equal(t, names[k], string(m.Name(object)), "%s", object)
			require.Equal(t, spaced(t, values[k]), string(object[m.Value:end]))
			end = m.Key - len(", ")
		}
	})
}

// spaced returns a value with the spaces that PostgreSQL prints.
func spaced(t *testing.T, value string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, json.Compact(&out, []byte(value)))
	var text []byte
	for i := 0; i < out.Len(); i++ {
		b := out.Bytes()[i]
		if b == '"' {
			end := jsonscan.StringEnd(out.Bytes(), i)
			text = append(text, out.Bytes()[i:end]...)
			i = end - 1
			continue
		}
		if text = append(text, b); b == ':' || b == ',' {
			text = append(text, ' ')
		}
	}
	return string(text)
}

func decode(t *testing.T, quoted []byte) string {
	t.Helper()
	var text string
	require.NoError(t, json.Unmarshal(quoted, &text), "%q", quoted)
	return text
}
