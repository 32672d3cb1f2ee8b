package fhir

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// quote returns a text as a JSON string without the quotes around it.
func quote(text string) string {
	const digits = "0123456789abcdef"
	var out []byte
	for _, b := range []byte(text) {
		switch {
		case b == '"' || b == '\\':
			out = append(out, '\\', b)
		case b < ' ':
			out = append(out, '\\', 'u', '0', '0', digits[b>>4], digits[b&15])
		default:
			out = append(out, b)
		}
	}
	return string(out)
}

// plainText returns the text of a string without the escapes that JSON does not
// ask for: "Patient\/1" is "Patient/1". What it returns is good until the next
// call.
func (c *Converter) plainText(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	out := c.scratch[:0]
	for i := 0; i < len(text); {
		switch {
		case text[i] != '\\':
			out = append(out, text[i])
			i++
		case at(text, i+1) == '/':
			out = append(out, '/')
			i += 2
		case at(text, i+1) == 'u':
			r, length := escaped(text, i)
			if r < ' ' || r == '"' || r == '\\' || r == utf8.RuneError {
				out = append(out, text[i:i+length]...)
			} else {
				out = utf8.AppendRune(out, r)
			}
			i += length
		default:
			out = append(out, text[i], at(text, i+1))
			i += 2
		}
	}
	c.scratch = out
	return out
}

// escaped reads the \uXXXX at src[i], or both halves of a pair of them, and
// returns the character and how long it is written. What is none is
// utf8.RuneError.
func escaped(src []byte, i int) (r rune, length int) {
	r, ok := unit(src, i)
	if !ok {
		return utf8.RuneError, 1
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := unit(src, i+6); ok {
		if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
			return r, 12
		}
	}
	return utf8.RuneError, 6
}

// unit reads the \uXXXX at src[i].
func unit(src []byte, i int) (r rune, ok bool) {
	if i+6 > len(src) || src[i] != '\\' || src[i+1] != 'u' {
		return 0, false
	}
	for _, b := range src[i+2 : i+6] {
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
