package fhir

// maxNesting is how deep arrays and objects may be nested in a document to
// load. FHIR needs far less, and PostgreSQL's own limit depends on its stack.
const maxNesting = 1000

// validate checks that a document is one JSON object (RFC 8259) that jsonb can
// keep: jsonb has no \u0000 and no half of a surrogate pair.
func validate(doc []byte) error {
	v := validator{src: doc}
	i := v.space(0)
	if at(doc, i) != '{' {
		return &SyntaxError{i, "not a JSON object"}
	}
	i = v.document(i)
	if v.err != nil {
		return v.err
	}
	if i = v.space(i); i != len(doc) {
		return &SyntaxError{i, "bytes after the JSON object"}
	}
	return nil
}

// A validator walks once over a document and stops at the first error: its
// methods then return the document's end.
type validator struct {
	src   []byte
	depth int
	open  [maxNesting]bool // whether the bracket at a depth is a brace
	err   *SyntaxError
}

// fail records the first error. What is missing at the end is the rest.
func (v *validator) fail(i int, reason string) int {
	if i >= len(v.src) {
		reason = "the document ends early"
	}
	if v.err == nil {
		v.err = &SyntaxError{i, reason}
	}
	return len(v.src)
}

// space skips the four kinds of white space that JSON has.
func (v *validator) space(i int) int {
	for i < len(v.src) && (v.src[i] == ' ' || v.src[i] == '\n' || v.src[i] == '\t' || v.src[i] == '\r') {
		i++
	}
	return i
}

// document checks the object at src[i] and all in it, without recursion, and
// returns the index behind it.
func (v *validator) document(i int) int {
	i = v.enter(i)
	for v.depth > 0 && i < len(v.src) {
		i = v.item(i)
		for v.depth > 0 && i < len(v.src) {
			i = v.space(i)
			switch b := at(v.src, i); {
			case b == ',':
				i = v.space(i + 1)
			case b == v.closing():
				v.depth--
				i++
				continue
			default:
				return v.fail(i, "a comma or a closing bracket is missing")
			}
			break
		}
	}
	if v.err == nil && v.depth > 0 {
		return v.fail(i, "")
	}
	return i
}

// item checks the next item of the array or object that is open: the key of a
// member, and a value up to the first item in it.
func (v *validator) item(i int) int {
	for {
		if v.open[v.depth-1] {
			if i = v.key(i); v.err != nil {
				return i
			}
		}
		b := at(v.src, i)
		if b != '{' && b != '[' {
			return v.scalar(i)
		}
		depth := v.depth
		if i = v.enter(i); v.depth == depth {
			return i
		}
	}
}

// enter opens the array or object at src[i] and returns the index of its first
// item. An empty one it closes again and returns the index behind it.
func (v *validator) enter(i int) int {
	if v.depth == maxNesting {
		return v.fail(i, "nested too deep")
	}
	v.open[v.depth] = v.src[i] == '{'
	v.depth++
	i = v.space(i + 1)
	if at(v.src, i) == v.closing() {
		v.depth--
		i++
	}
	return i
}

// closing returns the bracket that closes the innermost array or object.
func (v *validator) closing() byte {
	if v.open[v.depth-1] {
		return '}'
	}
	return ']'
}

// key checks the key at src[i] and its colon.
func (v *validator) key(i int) int {
	if at(v.src, i) != '"' {
		return v.fail(i, "a key is missing")
	}
	if i = v.space(v.text(i)); v.err != nil {
		return i
	}
	if at(v.src, i) != ':' {
		return v.fail(i, "a colon is missing")
	}
	return v.space(i + 1)
}

// scalar checks the string, number or literal at src[i].
func (v *validator) scalar(i int) int {
	switch b := at(v.src, i); {
	case b == '"':
		return v.text(i)
	case b == '-' || '0' <= b && b <= '9':
		return v.number(i)
	}
	end := scalarEnd(v.src, i)
	switch string(v.src[i:end]) {
	case "true", "false", "null":
		return end
	}
	return v.fail(i, "a value is missing")
}

// number checks the number at src[i].
func (v *validator) number(i int) int {
	if v.src[i] == '-' {
		i++
	}
	if at(v.src, i) == '0' {
		i++
	} else {
		i = v.digits(i)
	}
	if at(v.src, i) == '.' {
		i = v.digits(i + 1)
	}
	if b := at(v.src, i); b == 'e' || b == 'E' {
		if i++; at(v.src, i) == '+' || at(v.src, i) == '-' {
			i++
		}
		i = v.digits(i)
	}
	return i
}

// digits checks that there is a digit at src[i] and skips all.
func (v *validator) digits(i int) int {
	if b := at(v.src, i); b < '0' || b > '9' {
		return v.fail(i, "a digit is missing")
	}
	for i < len(v.src) && '0' <= v.src[i] && v.src[i] <= '9' {
		i++
	}
	return i
}
