package dump

import (
	"bytes"
	"cmp"
	"strconv"
	"unicode/utf8"

	"github.com/seed-90096f4d/sluice/fhir"
)

// The functions of this file read jsonb text as PostgreSQL prints it: valid,
// one space after each colon and comma, none elsewhere. They never read beyond
// text that is not.

// storedMember is a member of an object: its name between the quotes, still
// escaped, the place of its value, and where the next member begins (or the
// object's closing brace is).
type storedMember struct {
	name                       []byte
	valueStart, valueEnd, next int
}

func nextMember(object []byte, pos int) (m storedMember, ok bool) {
	if object[pos] != '"' {
		return m, false
	}
	end := fhir.StringEnd(object, pos)
	m.valueStart = end + len(`: `)
	if m.valueStart >= len(object) {
		return m, false
	}
	m.name = object[pos+1 : end-1]
	m.valueEnd = valueEnd(object, m.valueStart)
	if m.valueEnd >= len(object) || m.valueEnd == m.valueStart {
		return m, false
	}
	m.next = m.valueEnd
	if object[m.valueEnd] == ',' {
		m.next += len(`, `)
	}
	return m, m.next < len(object)
}

// valueEnd returns the index after the value that begins at i.
func valueEnd(text []byte, i int) int {
	switch text[i] {
	case '"':
		return fhir.StringEnd(text, i)
	case '{', '[':
		return nestedEnd(text, i)
	}
	for i < len(text) && text[i] != ',' && text[i] != '}' && text[i] != ']' {
		i++
	}
	return i
}

// nestedEnd returns the index after the object or array that begins at i.
func nestedEnd(text []byte, i int) int {
	depth := 0
	for i < len(text) {
		switch text[i] {
		case '"':
			i = fhir.StringEnd(text, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return i
}

// compareNames orders names as jsonb does: the shorter first, then by bytes.
// stored is as printed, with escapes.
func compareNames(stored []byte, name string) int {
	if bytes.IndexByte(stored, '\\') >= 0 {
		var buf [64]byte
		stored = appendUnescaped(buf[:0], stored)
	}
	if order := cmp.Compare(len(stored), len(name)); order != 0 {
		return order
	}
	return bytes.Compare(stored, []byte(name))
}

// appendUnescaped appends the content of a printed string.
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
		case 'u': // only control characters are printed so
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

// appendString appends a string as PostgreSQL prints it in jsonb.
func appendString(dst, content []byte) []byte {
	const hex = "0123456789abcdef"

	dst = append(dst, '"')
	for _, c := range content {
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
