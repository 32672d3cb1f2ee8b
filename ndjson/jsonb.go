package ndjson

import "github.com/seed-90096f4d/sluice/fhir"

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

// appendString appends a string as PostgreSQL prints it in jsonb.
func appendString(dst, content []byte) []byte {
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
