package transfer

// typeScan finds the member resourceType of a JSON object that arrives in pieces. It
// decodes nothing else, and uses constant memory.
type typeScan struct {
	found string
	done  bool

	depth     int
	inString  bool
	escaped   bool
	isKey     bool   // the next string of the object is a key
	isType    bool   // the next value of the object is the type
	text      []byte // of the current string of the object, as written
	truncated bool   // text is only its beginning
}

// maxTypeBytes is longer than all names of resource types.
const maxTypeBytes = 64

// reset prepares for the next object.
func (s *typeScan) reset() { *s = typeScan{text: s.text[:0]} }

// write scans a piece.
func (s *typeScan) write(p []byte) {
	for _, c := range p {
		switch {
		case s.done:
			return
		case s.inString:
			s.inText(c)
		default:
			s.token(c)
		}
	}
}

// token scans a character outside of strings.
func (s *typeScan) token(c byte) {
	switch c {
	case '"':
		s.inString, s.truncated, s.text = true, false, s.text[:0]
	case '{', '[':
		s.depth++
		s.isKey = c == '{' // only matters at depth 1
		s.isType = false
	case '}', ']':
		s.depth--
		s.done = s.depth <= 0
	case ',':
		s.isKey = true
		if s.depth == 1 {
			s.isType = false
		}
	case ':':
		s.isKey = false
	}
}

// inText scans a character of a string.
func (s *typeScan) inText(c byte) {
	if c == '"' && !s.escaped {
		s.inString = false
		s.endString()
		return
	}
	s.escaped = c == '\\' && !s.escaped
	if s.depth != 1 {
		return
	}
	if len(s.text) < maxTypeBytes {
		s.text = append(s.text, c)
	} else {
		s.truncated = true
	}
}

// endString interprets a string of the object.
func (s *typeScan) endString() {
	switch {
	case s.depth != 1:
	case s.isKey:
		s.isType = !s.truncated && string(s.text) == "resourceType"
	case s.isType:
		s.found, s.done = string(s.text), true
	}
}
