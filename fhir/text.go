package fhir

import (
	"bytes"
	"encoding/json"
)

// quote returns a JSON string.
func quote(text string) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a string cannot fail
	return string(bytes.TrimSpace(out.Bytes()))
}

// plainText returns the text of a string that is written with escapes, as
// written without those that JSON does not ask for: "Patient\/1" is
// "Patient/1".
func plainText(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	var decoded string
	if json.Unmarshal(append(append([]byte{'"'}, text...), '"'), &decoded) != nil {
		return text
	}
	written := quote(decoded)
	return []byte(written[1 : len(written)-1])
}
