package jsonscan

import (
	"encoding/binary"
	"unicode/utf8"
)

// string checks the string at src[i] and returns the index after it.
func (v *validator) string(i int) int {
	for i = plainEnd(v.src, i+1); i < len(v.src); i = plainEnd(v.src, i) {
		switch b := v.src[i]; {
		case b == '"':
			return i + 1
		case b == '\\':
			if i = v.escape(i); v.err != nil {
				return i
			}
		case b < ' ':
			return v.fail(i, "control character in a string")
		default:
			_, size := utf8.DecodeRune(v.src[i:])
			if size == 1 {
				return v.fail(i, "invalid UTF-8")
			}
			i += size
		}
	}
	return v.fail(i, "")
}

// plainEnd returns the index of the first byte at or after i that is not an unescaped
// printable ASCII character of a string. It compares eight bytes at a
// time.
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

// escape checks the escape sequence at src[i] and returns the index after it.
func (v *validator) escape(i int) int {
	switch At(v.src, i+1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return v.fail(i, "invalid escape sequence")
	}
	if _, ok := codeUnit(v.src, i); !ok {
		return v.fail(i, "invalid escape sequence")
	}
	r, length := escapedRune(v.src, i)
	switch {
	case r == 0:
		return v.fail(i, `\u0000, which PostgreSQL cannot store,`)
	case r == utf8.RuneError && length == 6 && !isReplacement(v.src[i:]):
		return v.fail(i, "unpaired surrogate, which PostgreSQL cannot store,")
	}
	return i + length
}

// isReplacement reports whether an escape sequence encodes U+FFFD itself.
func isReplacement(escape []byte) bool {
	r, _ := codeUnit(escape, 0)
	return r == utf8.RuneError
}
