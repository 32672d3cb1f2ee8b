package fhir_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
)

// seeds adds documents of all kinds, and invalid ones.
func seeds(f *testing.F) {
	f.Helper()

	for _, g := range goldens(f) {
		f.Add([]byte(g.aidbox))
		f.Add([]byte(g.fhir))
	}
	for _, row := range attributeRows {
		f.Add([]byte(row))
	}
	for _, text := range []string{
		``, ` `, `{`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `[`, `[1,`, `"`, `"\`, `1`, `null`, "{}\n{}",
		`{"resourceType":"Patient","race":[{{}}]}`,
		`{"value":{"string":`, `{"value":{"string":1,}}`, `{"meta":{"extension":[{"url":"ex:createdAt","valueInstant":"x"},`,
		`{"resourceType":"Observation","value":{"string":"x"},"valueString":1,"value":{"Quantity":{}}}`,
		`{"resourceType":"Patient","race":{"text":"a"},"extension":[{"url":"urn:clinic","valueReference":{}}],"clinic":[{}]}`,
		`{"resourceType":"Patient","meta":{"createdAt":"a","createdAt":"b","tenant":"x","extension":[]}}`,
		`{"resourceType":"Observation","subject":{"id":"1","id":"2","reference":"#","resourceType":"Patient"}}`,
	} {
		f.Add([]byte(text))
	}
}

// FuzzAppendFHIR checks that no document causes a panic or changes dst, and that JSON
// remains JSON, on one line, and is not changed by a second conversion.
func FuzzAppendFHIR(f *testing.F) {
	seeds(f)
	tables := fhir.R4().WithAttributes(attributes(f))
	f.Fuzz(func(t *testing.T, doc []byte) {
		c := fhir.NewConverter(tables, fhir.Options{Issue: func(fhir.Issue) {}})
		meta := fhir.Replacement{Name: "meta", Merge: func(dst, stored []byte) []byte {
			if len(stored) == 0 {
				stored = []byte("{}")
			}
			return append(dst, stored...)
		}}
		if got := c.AppendFHIRType(nil, "Patient", doc, meta); json.Valid(doc) {
			require.True(t, json.Valid(got), "%q", got)
		}
		c = fhir.NewConverter(tables, fhir.Options{Issue: func(fhir.Issue) {}})
		got := c.AppendFHIR([]byte("#"), doc)
		require.Equal(t, byte('#'), got[0])
		got = got[1:]
		if !json.Valid(doc) {
			return
		}
		require.False(t, bytes.ContainsAny(got, "\r\n"), "%q", got)
		require.True(t, json.Valid(got), "%q", got)
		require.Equal(t, string(got), string(c.AppendFHIR(nil, got)), "converted twice")
	})
}

// FuzzAppendAidbox checks that no document causes a panic; that an accepted one is
// JSON, remains JSON and has the same FHIR form as the original.
func FuzzAppendAidbox(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		c := fhir.NewConverter(fhir.R4(), fhir.Options{Issue: func(fhir.Issue) {}})
		got, err := c.AppendAidbox([]byte("#"), doc)
		if err != nil {
			require.Equal(t, "#", string(got))
			return
		}
		require.True(t, json.Valid(doc), "%q", doc)
		require.True(t, json.Valid(got[1:]), "%q", got)
		if !repeatsKeys(json.NewDecoder(bytes.NewReader(doc))) {
			back := c.AppendFHIR(nil, got[1:])
			require.Equal(t, canonical(t, c.AppendFHIR(nil, doc)), canonical(t, back), "%q", got)
		}
	})
}

// repeatsKeys reports whether an object in the document has duplicate keys.
func repeatsKeys(decoder *json.Decoder) bool {
	token, err := decoder.Token()
	if err != nil {
		return true
	}
	repeats := false
	keys := make(map[json.Token]bool)
	switch token {
	case json.Delim('{'):
		for decoder.More() {
			key, err := decoder.Token()
			if err != nil || keys[key] {
				return true
			}
			keys[key] = true
			repeats = repeatsKeys(decoder) || repeats
		}
		_, err = decoder.Token()
	case json.Delim('['):
		for decoder.More() {
			repeats = repeatsKeys(decoder) || repeats
		}
		_, err = decoder.Token()
	}
	return repeats || err != nil
}
