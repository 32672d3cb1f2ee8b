package fhir

import (
	"encoding/binary"
	"unicode/utf8"
)

// text checks the string at src[i] and returns the index behind it.
func (v *validator) text(i int) int {
	for i = plainEnd(v.src, i+1); i < len(v.src); i = plainEnd(v.src, i) {
		switch b := v.src[i]; {
		case b == '"':
			return i + 1
		case b == '\\':
			if i = v.escape(i); v.err != nil {
				return i
			}
		case b < ' ':
			return v.fail(i, "a control character in a string")
		default:
			_, size := utf8.DecodeRune(v.src[i:])
			if size == 1 {
				return v.fail(i, "bytes that are not UTF-8")
			}
			i += size
		}
	}
	return v.fail(i, "")
}

// plainEnd skips the printable ASCII characters of a string that mean
// themselves, eight at a time.
func plainEnd(src []byte, i int) int {
	const (
		low  = 0x0101010101010101
		high = 0x8080808080808080
	)
	for i+8 <= len(src) {
		word := binary.LittleEndian.Uint64(src[i:])
		q, b := word^low*'"', word^low*'\\'
		if (word|(q-low)|(b-low)|(word-low*' '))&high != 0 {
			break
		}
		i += 8
	}
	for i < len(src) && src[i] >= ' ' && src[i] < utf8.RuneSelf && src[i] != '"' && src[i] != '\\' {
		i++
	}
	return i
}

// escape checks the escape at src[i] and returns the index behind it.
func (v *validator) escape(i int) int {
	switch at(v.src, i+1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return v.fail(i, "an unknown escape in a string")
	}
	if _, ok := unit(v.src, i); !ok {
		return v.fail(i, "an unknown escape in a string")
	}
	r, length := escaped(v.src, i)
	switch {
	case r == 0:
		return v.fail(i, `\u0000, which PostgreSQL cannot keep`)
	case r == utf8.RuneError && length == 6 && !isReplacement(v.src[i:]):
		return v.fail(i, "half of a surrogate pair, which PostgreSQL cannot keep")
	}
	return i + length
}

// isReplacement says whether an escape is that of U+FFFD itself.
func isReplacement(escape []byte) bool {
	r, _ := unit(escape, 0)
	return r == utf8.RuneError
}
