package fhir

import (
	"bytes"
	"cmp"
	"unicode/utf8"
)

// CompareNames orders the names of members as the Aidbox format does, which is that
// of jsonb: the shorter first, then by bytes. stored is as it is written there, with
// escapes; name is one that needs none.
func CompareNames(stored []byte, name string) int {
	if len(stored) < len(name) {
		return -1 // and without its escapes it is no longer
	}
	if bytes.IndexByte(stored, '\\') >= 0 {
		var buf [64]byte
		stored = appendUnescaped(buf[:0], stored)
	}
	if order := cmp.Compare(len(stored), len(name)); order != 0 {
		return order
	}
	return bytes.Compare(stored, []byte(name))
}

// appendUnescaped appends the text of a string of the Aidbox format, which escapes
// no more than it has to.
func appendUnescaped(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		if text[i] != '\\' || i+1 == len(text) {
			dst = append(dst, text[i])
			i++
			continue
		}
		length := 2
		switch c := text[i+1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u': // only control characters are written so
			var r rune
			r, length = escaped(text, i)
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
		i += length
	}
	return dst
}
