package load

import (
	"bytes"
	"encoding/json"
)

// scanner cuts one JSON object into its members without decoding them. It
// holds the object itself to the grammar; whether each value is valid JSON is
// for the database to say, which parses every byte anyway.
type scanner struct {
	doc []byte
	pos int
}

// member is one member of an object, as raw JSON.
type member struct {
	key   []byte // with its quotes
	value []byte
}

// name is the key as text.
func (m member) name() []byte {
	return unquote(m.key)
}

// unquote gives the text of a JSON string; escapes are rare and cost more. nil
// if the value is no string.
func unquote(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return nil
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return nil
	}
	return []byte(text)
}

// members calls fn for each member of doc, in order. doc must be one object
// and nothing else. The first error of fn ends it.
func members(doc []byte, fn func(member) error) error {
	s := scanner{doc: doc}
	if s.peek() != '{' {
		return errNotObject
	}
	s.pos++

	if s.peek() == '}' {
		s.pos++
		return s.end()
	}
	for {
		m, ok := s.member()
		if !ok {
			return errSyntax
		}
		if err := fn(m); err != nil {
			return err
		}

		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return s.end()
		default:
			return errSyntax
		}
	}
}

// peek is the next byte that is not white space, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.doc) {
		switch c := s.doc[s.pos]; c {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) end() error {
	if s.peek(); s.pos < len(s.doc) {
		return errSyntax
	}
	return nil
}

func (s *scanner) member() (m member, ok bool) {
	if s.peek() != '"' {
		return m, false
	}
	if m.key, ok = s.span((*scanner).string); !ok || s.peek() != ':' {
		return m, false
	}
	s.pos++
	s.peek()
	m.value, ok = s.span((*scanner).value)
	return m, ok
}

// span returns the bytes that skip passes over.
func (s *scanner) span(skip func(*scanner) bool) ([]byte, bool) {
	start := s.pos
	ok := skip(s)
	return s.doc[start:s.pos], ok
}

// string passes over a string; pos is at its first quote.
func (s *scanner) string() bool {
	for s.pos++; s.pos < len(s.doc); {
		quote := bytes.IndexByte(s.doc[s.pos:], '"')
		if quote < 0 {
			break
		}
		end := s.pos + quote
		slashes := 0
		for end-1-slashes >= s.pos && s.doc[end-1-slashes] == '\\' {
			slashes++
		}
		s.pos = end + 1
		if slashes%2 == 0 {
			return true
		}
	}
	s.pos = len(s.doc)
	return false
}

// value passes over any value; pos is at its first byte.
func (s *scanner) value() bool {
	switch {
	case s.pos >= len(s.doc):
		return false
	case s.doc[s.pos] == '"':
		return s.string()
	case s.doc[s.pos] == '{', s.doc[s.pos] == '[':
		return s.nested()
	}
	length := bytes.IndexAny(s.doc[s.pos:], ",}] \t\r\n\"{[:")
	if length <= 0 {
		return false
	}
	s.pos += length
	return true
}

// nested passes over an object or array, however deep, by counting brackets.
func (s *scanner) nested() bool {
	depth := 0
	for s.pos < len(s.doc) {
		switch s.doc[s.pos] {
		case '"':
			if !s.string() {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.pos++
		if depth == 0 {
			return true
		}
	}
	return false
}
