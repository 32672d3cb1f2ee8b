package jsonscan

import (
	"bytes"
	"cmp"
	"unicode/utf16"
	"unicode/utf8"
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

// AppendSimplified appends the text of a string without the escapes that JSON does
// not require: "Patient\/1" becomes "Patient/1".
func AppendSimplified(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		switch {
		case text[i] != '\\':
			dst = append(dst, text[i])
			i++
		case At(text, i+1) == '/':
			dst = append(dst, '/')
			i += 2
		case At(text, i+1) == 'u':
			r, length := escapedRune(text, i)
			if r < ' ' || r == '"' || r == '\\' || r == utf8.RuneError {
				dst = append(dst, text[i:i+length]...)
			} else {
				dst = utf8.AppendRune(dst, r)
			}
			i += length
		default:
			dst = append(dst, text[i], At(text, i+1))
			i += 2
		}
	}
	return dst
}

// CompareNames compares the names of members in the order of jsonb: the shorter
// first, then by bytes. written is as PostgreSQL prints it, with escapes; name
// needs none.
func CompareNames(written []byte, name string) int {
	if len(written) < len(name) {
		return -1 // and shorter still without its escapes
	}
	if bytes.IndexByte(written, '\\') >= 0 {
		var buf [64]byte
		written = appendUnescaped(buf[:0], written)
	}
	if order := cmp.Compare(len(written), len(name)); order != 0 {
		return order
	}
	return bytes.Compare(written, []byte(name))
}

// appendUnescaped appends the text of a string with its escapes decoded.
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
		case 'u':
			var r rune
			r, length = escapedRune(text, i)
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
		i += length
	}
	return dst
}

// escapedRune reads the \uXXXX at src[i], or both halves of a surrogate pair, and
// returns the character and the length of its escape. It returns utf8.RuneError if
// there is no character.
func escapedRune(src []byte, i int) (r rune, length int) {
	r, ok := codeUnit(src, i)
	if !ok {
		return utf8.RuneError, 1
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := codeUnit(src, i+6); ok {
		if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
			return r, 12
		}
	}
	return utf8.RuneError, 6
}

// codeUnit reads the \uXXXX at src[i].
func codeUnit(src []byte, i int) (r rune, ok bool) {
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
