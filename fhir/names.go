package fhir

import (
	"bytes"
	"cmp"
	"strconv"
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
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			dst = append(dst, text[i])
			continue
		}
		i++
		switch c := text[i]; c {
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
			digits := text[i+1 : min(i+5, len(text))]
			code, _ := strconv.ParseUint(string(digits), 16, 32)
			dst = utf8.AppendRune(dst, rune(code))
			i += len(digits)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
