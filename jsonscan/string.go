package jsonscan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
)

// StringText returns the string at src[i] between its quotes, as written, and
// reports whether there is a string.
func StringText(src []byte, i int) (text []byte, ok bool) {
	if At(src, i) != '"' {
		return nil, false
	}
	end := StringEnd(src, i)
	return src[i+1 : max(end-1, i+1)], true
}

// CompareNames compares the names of members in the order of jsonb: the shorter
// first, then by bytes. written is as PostgreSQL prints it, with escapes; name
// needs none.
func CompareNames(written []byte, name string) int {
	if len(written) < len(name) {
		return -1 // and shorter still without its escapes
	}
	if bytes.IndexByte(written, '\\') >= 0 {
		var decoded string // escapes are rare
		_ = json.Unmarshal(slices.Concat([]byte{'"'}, written, []byte{'"'}), &decoded)
		written = []byte(decoded)
	}
	if order := cmp.Compare(len(written), len(name)); order != 0 {
		return order
	}
	return bytes.Compare(written, []byte(name))
}
