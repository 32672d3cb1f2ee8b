package fhirpath

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

// Text returns the text of a value: a string decoded, a number as stored, an object as
// JSON; nil for Null. It is valid until the evaluator is reset or released.
func (e *Evaluator) Text(v Value) []byte {
	switch v.kind {
	case Object:
		return v.text[:jsonscan.ValueEnd(v.text, 0)]
	case String:
		return e.decode(&v)
	}
	return v.text
}

// decode returns the decoded string of a value.
func (e *Evaluator) decode(v *Value) []byte {
	if v.decoded || bytes.IndexByte(v.text, '\\') < 0 {
		return v.text
	}
	start := len(e.scratch)
	e.scratch = appendDecoded(e.scratch, v.text)
	return e.scratch[start:len(e.scratch):len(e.scratch)]
}

// Mark returns the amount of memory in use, for Release.
func (e *Evaluator) Mark() int { return len(e.scratch) }

// Release frees the memory used since Mark, which grows with each evaluation until the
// evaluator is reset: texts and results since then become invalid.
func (e *Evaluator) Release(mark int) { e.scratch = e.scratch[:mark] }

// appendDecoded appends a JSON string without its escape sequences. Half of a surrogate
// pair becomes U+FFFD, as in encoding/json.
func appendDecoded(dst, written []byte) []byte {
	for {
		i := bytes.IndexByte(written, '\\')
		if i < 0 || i+1 == len(written) {
			return append(dst, written...)
		}
		dst = append(dst, written[:i]...)
		c := written[i+1]
		written = written[i+2:]
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			dst, written = appendUnicode(dst, written)
			continue
		}
		dst = append(dst, c)
	}
}

// appendUnicode appends the character of the digits after \u, and returns what follows.
func appendUnicode(dst, written []byte) (extended, rest []byte) {
	r, rest := hexadecimal(written)
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(dst, r), rest
	}
	if len(rest) >= 2 && rest[0] == '\\' && rest[1] == 'u' {
		second, after := hexadecimal(rest[2:])
		if pair := utf16.DecodeRune(r, second); pair != utf8.RuneError {
			return utf8.AppendRune(dst, pair), after
		}
	}
	return utf8.AppendRune(dst, utf8.RuneError), rest
}

// hexadecimal returns the number of up to four digits, and what follows them.
func hexadecimal(written []byte) (r rune, rest []byte) {
	for i, c := range written {
		digit := bytes.IndexByte([]byte("0123456789abcdef"), c|0x20)
		if i == 4 || digit < 0 {
			return r, written[i:]
		}
		r = r<<4 | rune(digit)
	}
	return r, nil
}
