package jsonscan

import "bytes"

// PreviousMember returns the member whose value ends before end, in an object whose
// members begin after start. Unlike the other functions it requires the text as
// PostgreSQL prints jsonb: one space after each colon and comma, and none
// elsewhere. ok is false if there is no member, or if the text is different.
//
// It is for members that are close to the end of an object: jsonb sorts members by
// the length of their names.
func PreviousMember(src []byte, start, end int) (m Member, ok bool) {
	m.Value = valueStart(src, start, end)
	m.KeyEnd = m.Value - len(`: `)
	if m.KeyEnd-1 <= start || string(src[m.KeyEnd-1:m.Value]) != `": ` {
		return m, false
	}
	m.Key = openingQuote(src, start, m.KeyEnd-1)
	return m, m.Key >= start
}

// valueStart returns the index of the value that ends before end, or start-1.
func valueStart(src []byte, start, end int) int {
	switch src[end-1] {
	case '"':
		return openingQuote(src, start, end-1)
	case '}', ']':
		return nestedStart(src, start, end)
	}
	return start + bytes.LastIndexByte(src[start:end], ' ') + 1
}

// nestedStart returns the index of the object or array that ends before end, or start-1.
func nestedStart(src []byte, start, end int) int {
	depth := 0
	for i := end - 1; i >= start; i-- {
		switch src[i] {
		case '"':
			i = openingQuote(src, start, i)
		case '}', ']':
			depth++
		case '{', '[':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return start - 1
}

// openingQuote returns the index of the quote that opens the string whose closing
// quote is at end, or start-1. A quote within a string follows an
// odd number of backslashes.
func openingQuote(src []byte, start, end int) int {
	for i := end; ; {
		i = start + bytes.LastIndexByte(src[start:i], '"')
		if i < start {
			return i
		}
		backslashes := 0
		for i-backslashes > start && src[i-backslashes-1] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return i
		}
	}
}
