package fhir

import (
	"encoding/binary"
	"unicode/utf16"
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
	r, ok := v.unit(i)
	switch {
	case !ok:
		return v.fail(i, "an unknown escape in a string")
	case r == 0:
		return v.fail(i, `\u0000, which PostgreSQL cannot keep`)
	case !utf16.IsSurrogate(r):
		return i + 6
	}
	if low, ok := v.unit(i + 6); !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
		return v.fail(i, "half of a surrogate pair, which PostgreSQL cannot keep")
	}
	return i + 12
}

// unit reads the \uXXXX at src[i].
func (v *validator) unit(i int) (rune, bool) {
	if i+6 > len(v.src) || v.src[i] != '\\' || v.src[i+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, b := range v.src[i+2 : i+6] {
		switch {
		case '0' <= b && b <= '9':
			b -= '0'
		case 'a' <= b|0x20 && b|0x20 <= 'f':
			b = b | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(b)
	}
	return r, true
}
