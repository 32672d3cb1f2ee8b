package jsonscan

import (
	"encoding/binary"
	"math/bits"
)

// At returns the byte at src[i], or 0 after the end.
func At(src []byte, i int) byte {
	if i < len(src) {
		return src[i]
	}
	return 0
}

// whitespace has a bit for each of JSON's white space characters.
const whitespace = 1<<' ' | 1<<'\t' | 1<<'\n' | 1<<'\r'

// SkipSpace returns the index of the first byte at or after i that is not white
// space.
func SkipSpace(src []byte, i int) int {
	for i < len(src) && src[i] <= ' ' && (src[i] == ' ' || whitespace>>src[i]&1 != 0) {
		i++
	}
	return i
}

// StringEnd returns the index after the string at src[i]. It compares eight bytes
// at a time: most strings are too short to be worth a call of bytes.IndexByte.
func StringEnd(src []byte, i int) int {
	const (
		low       = 0x0101010101010101
		high      = 0x8080808080808080
		quote     = low * '"'
		backslash = low * '\\'
	)
	i++
	for i+8 <= len(src) {
		word := binary.LittleEndian.Uint64(src[i:])
		q, b := word^quote, word^backslash
		hit := ((q-low)&^q | (b-low)&^b) & high // the lowest bit set is exact
		if hit == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(hit) / 8
		if src[i] == '"' {
			return i + 1
		}
		i += 2
	}
	for i < len(src) {
		switch src[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
		i++
	}
	return len(src)
}

// scalarEnd returns the index after the number or literal at src[i].
func scalarEnd(src []byte, i int) int {
	for i < len(src) {
		switch src[i] {
		case ',', '}', ']', ':', '"', '{', '[', ' ', '\t', '\n', '\r':
			return i
		}
		i++
	}
	return i
}

// ValueEnd returns the index after the value at src[i], which is i if there is
// none. It does not recurse.
func ValueEnd(src []byte, i int) int {
	switch At(src, i) {
	case '"':
		return StringEnd(src, i)
	case '{', '[':
	default:
		return scalarEnd(src, i)
	}
	for depth := 0; i < len(src); {
		switch src[i] {
		case '"':
			i = StringEnd(src, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return i
}

// AppendCompact appends the value at src[i] without white space between its
// tokens and returns the index after it. It does not recurse.
func AppendCompact(dst, src []byte, i int) ([]byte, int) {
	switch At(src, i) {
	case '"':
		end := StringEnd(src, i)
		return AppendSpan(dst, src, i, end), end
	case '{', '[':
	default:
		end := scalarEnd(src, i)
		return AppendSpan(dst, src, i, end), end
	}
	from, depth := i, 0
	for i < len(src) {
		switch src[i] {
		case '"':
			i = StringEnd(src, i)
			continue
		case ' ', '\t', '\n', '\r':
			dst = append(dst, src[from:i]...)
			i = SkipSpace(src, i)
			from = i
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return append(dst, src[from:i+1]...), i + 1
			}
		}
		i++
	}
	return append(dst, src[from:i]...), i
}

// span is longer than most keys and values.
const span = 32

// NewSpan returns a text with the capacity that AppendSpan needs to copy it quickly.
func NewSpan(text string) []byte {
	return append(make([]byte, 0, max(span, len(text))), text...)
}

// AppendSpan appends src[i:end]. It copies a short one together with the bytes
// after it, which takes two instructions instead of a call, and may overwrite what
// dst has room for beyond the slice returned.
func AppendSpan(dst, src []byte, i, end int) []byte {
	n := len(dst)
	if end-i > span || len(src)-i < span || cap(dst)-n < span {
		return append(dst, src[i:end]...)
	}
	*(*[span]byte)(dst[n : n+span]) = [span]byte(src[i:])
	return dst[:n+end-i]
}
