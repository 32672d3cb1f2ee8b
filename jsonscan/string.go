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

// AppendString appends a string as PostgreSQL prints it in jsonb, which escapes no
// more than necessary.
func AppendString(dst, content []byte) []byte {
	const hex = "0123456789abcdef"

	dst = append(dst, '"')
	plain := 0 // most need no escapes at all
	for plain < len(content) && content[plain] >= ' ' && content[plain] != '"' && content[plain] != '\\' {
		plain++
	}
	dst = append(dst, content[:plain]...)
	for _, c := range content[plain:] {
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			if c < ' ' {
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			} else {
				dst = append(dst, c)
			}
		}
	}
	return append(dst, '"')
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
