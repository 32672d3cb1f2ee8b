package fhir

import (
	"encoding/binary"
	"math/bits"
)

// The functions here move over the bytes of a document that is taken to be
// JSON. On bytes that are not, they stop at the end of the document at the
// latest; the callers notice what is missing there.

// StringEnd returns the index behind the closing quote of the string that
// opens at src[i]. It looks at eight bytes at a time:
// most strings are too short to be worth a call.
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

// space returns the index of the first byte at or after i that is not white
// space.
func space(src []byte, i int) int {
	for i < len(src) && src[i] <= ' ' {
		i++
	}
	return i
}

// at returns a byte, or 0 behind the end.
func at(src []byte, i int) byte {
	if i < len(src) {
		return src[i]
	}
	return 0
}

// scalarEnd returns the index behind the number or literal at src[i].
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

// valueEnd returns the index behind the value at src[i].
func valueEnd(src []byte, i int) int {
	switch at(src, i) {
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

// appendValue appends the value at src[i] without white space between its
// tokens and returns the index behind it. It does not recurse.
func appendValue(dst, src []byte, i int) ([]byte, int) {
	switch at(src, i) {
	case '"':
		end := StringEnd(src, i)
		return appendSpan(dst, src, i, end), end
	case '{', '[':
	default:
		end := scalarEnd(src, i)
		return appendSpan(dst, src, i, end), end
	}
	from, depth := i, 0
	for i < len(src) {
		switch src[i] {
		case '"':
			i = StringEnd(src, i)
			continue
		case ' ', '\t', '\n', '\r':
			dst = append(dst, src[from:i]...)
			i = space(src, i)
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

// span is more than most keys and values are long.
const span = 32

// appendSpan appends src[i:end]. Short ones are copied with what is behind them,
// and cut: that takes two instructions, and a copy of just their length a call.
func appendSpan(dst, src []byte, i, end int) []byte {
	n := len(dst)
	if end-i > span || len(src)-i < span || cap(dst)-n < span {
		return append(dst, src[i:end]...)
	}
	*(*[span]byte)(dst[n : n+span]) = [span]byte(src[i:])
	return dst[:n+end-i]
}

// A member is one key and its value in an object.
type member struct {
	key, keyEnd int // the key with its quotes
	value       int // where the value starts
}

// nextMember reads the key at src[i] and the colon behind it. ok is false when
// there is none.
func nextMember(src []byte, i int) (m member, ok bool) {
	if at(src, i) != '"' {
		return m, false
	}
	end := StringEnd(src, i)
	colon := space(src, end)
	if end-i < 2 || at(src, colon) != ':' {
		return m, false
	}
	return member{i, end, space(src, colon+1)}, true
}

// name returns the key without its quotes.
func (m member) name(src []byte) []byte { return src[m.key+1 : m.keyEnd-1] }

// findMember returns the member of that name of the object at src[i].
func findMember(src []byte, i int, name string) (member, bool) {
	if at(src, i) != '{' {
		return member{}, false
	}
	for i = space(src, i+1); ; i = space(src, i+1) {
		m, ok := nextMember(src, i)
		if !ok {
			return m, false
		}
		if string(m.name(src)) == name {
			return m, true
		}
		if i = space(src, valueEnd(src, m.value)); at(src, i) != ',' {
			return m, false
		}
	}
}

// countMembers returns how many members the object at src[i] has.
func countMembers(src []byte, i int) int {
	count := 0
	for i = space(src, i+1); ; i = space(src, i+1) {
		m, ok := nextMember(src, i)
		if !ok {
			return count
		}
		count++
		if i = space(src, valueEnd(src, m.value)); at(src, i) != ',' {
			return count
		}
	}
}

// stringText returns the text of the string at src[i] between its quotes, as
// it is written, and whether there is a string.
func stringText(src []byte, i int) (text []byte, ok bool) {
	if at(src, i) != '"' {
		return nil, false
	}
	end := StringEnd(src, i)
	return src[i+1 : max(end-1, i+1)], true
}
