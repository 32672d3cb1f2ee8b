package ndjson

import "bytes"

// The functions of this file read jsonb text from its end. Most objects have few
// members with names as long as the last of ours, so its place is found sooner
// from there.

// memberBefore is the member that ends at end, in an object whose members begin
// after start: next is then where the member begins. ok is false if there is none,
// or if the text is not as PostgreSQL prints it.
func memberBefore(object []byte, start, end int) (m storedMember, begin int, ok bool) {
	m.valueEnd = end
	m.valueStart = valueStart(object, start, end)
	nameEnd := m.valueStart - len(`": `)
	if nameEnd <= start || string(object[nameEnd:m.valueStart]) != `": ` {
		return m, 0, false
	}
	quote := openingQuote(object, start, nameEnd)
	if quote < start {
		return m, 0, false
	}
	m.name = object[quote+1 : nameEnd]
	return m, quote, true
}

// valueStart returns the index of the value that ends before end, or one before
// start if there is none.
func valueStart(text []byte, start, end int) int {
	switch text[end-1] {
	case '"':
		return openingQuote(text, start, end-1)
	case '}', ']':
		return nestedStart(text, start, end)
	}
	return start + bytes.LastIndexByte(text[start:end], ' ') + 1
}

// nestedStart returns the index of the object or array that ends before end, or
// one before start if there is none.
func nestedStart(text []byte, start, end int) int {
	depth := 0
	for i := end - 1; i >= start; i-- {
		switch text[i] {
		case '"':
			i = openingQuote(text, start, i)
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
// one is at end, or one before start if there is none. A quote within a string
// has an odd number of backslashes before it.
func openingQuote(text []byte, start, end int) int {
	for i := end; ; {
		i = start + bytes.LastIndexByte(text[start:i], '"')
		if i < start {
			return i
		}
		backslashes := 0
		for i-backslashes > start && text[i-backslashes-1] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return i
		}
	}
}
