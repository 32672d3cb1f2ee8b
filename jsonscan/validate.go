package jsonscan

import "fmt"

// maxNesting is the maximum depth of arrays and objects in a valid document. FHIR
// needs far less, and PostgreSQL's own limit depends on its stack.
const maxNesting = 1000

// SyntaxError says why a document is not a JSON object that PostgreSQL can store as
// jsonb.
type SyntaxError struct {
	Offset int // in bytes, from the start of the document
	Reason string
}

// Error returns the reason and the offset.
func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.Offset) }

// Validate checks that a document is one JSON object (RFC 8259) that PostgreSQL can
// store as jsonb, which has no \u0000 and no unpaired surrogates. An error is a
// [*SyntaxError].
func Validate(doc []byte) error {
	v := validator{src: doc}
	i := SkipSpace(doc, 0)
	if At(doc, i) != '{' {
		return &SyntaxError{i, "not a JSON object"}
	}
	i = v.document(i)
	if v.err != nil {
		return v.err
	}
	if i = SkipSpace(doc, i); i != len(doc) {
		return &SyntaxError{i, "unexpected data after the JSON object"}
	}
	return nil
}

// validator walks once over a document and stops at the first error: its methods
// then return the end of the document.
type validator struct {
	src   []byte
	depth int
	open  [maxNesting]bool // whether the bracket at a depth is a brace
	err   *SyntaxError
}

// fail records the first error and returns the end of the document. At the end, what
// is missing is the rest of the document.
func (v *validator) fail(i int, reason string) int {
	if i >= len(v.src) {
		reason = "unexpected end of the document"
	}
	if v.err == nil {
		v.err = &SyntaxError{i, reason}
	}
	return len(v.src)
}

// document checks the object at src[i] without recursion and returns the index
// after it.
func (v *validator) document(i int) int {
	i = v.enter(i)
	for v.depth > 0 && i < len(v.src) {
		i = v.item(i)
		for v.depth > 0 && i < len(v.src) {
			i = SkipSpace(v.src, i)
			switch b := At(v.src, i); {
			case b == ',':
				i = SkipSpace(v.src, i+1)
			case b == v.closing():
				v.depth--
				i++
				continue
			default:
				return v.fail(i, "expected a comma or a closing bracket")
			}
			break
		}
	}
	if v.err == nil && v.depth > 0 {
		return v.fail(i, "")
	}
	return i
}

// item checks the next item of the open array or object: the key of a member, and a
// value up to the first item in it.
func (v *validator) item(i int) int {
	for {
		if v.open[v.depth-1] {
			if i = v.key(i); v.err != nil {
				return i
			}
		}
		b := At(v.src, i)
		if b != '{' && b != '[' {
			return v.scalar(i)
		}
		depth := v.depth
		if i = v.enter(i); v.depth == depth {
			return i
		}
	}
}

// enter opens the array or object at src[i] and returns the index of its first item.
// It closes an empty one and returns the index after it.
func (v *validator) enter(i int) int {
	if v.depth == maxNesting {
		return v.fail(i, "nested too deeply")
	}
	v.open[v.depth] = v.src[i] == '{'
	v.depth++
	i = SkipSpace(v.src, i+1)
	if At(v.src, i) == v.closing() {
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
	if At(v.src, i) != '"' {
		return v.fail(i, "expected a key")
	}
	if i = SkipSpace(v.src, v.string(i)); v.err != nil {
		return i
	}
	if At(v.src, i) != ':' {
		return v.fail(i, "expected a colon")
	}
	return SkipSpace(v.src, i+1)
}

// scalar checks the string, number or literal at src[i].
func (v *validator) scalar(i int) int {
	switch b := At(v.src, i); {
	case b == '"':
		return v.string(i)
	case b == '-' || '0' <= b && b <= '9':
		return v.number(i)
	}
	end := scalarEnd(v.src, i)
	switch string(v.src[i:end]) {
	case "true", "false", "null":
		return end
	}
	return v.fail(i, "expected a value")
}

// number checks the number at src[i].
func (v *validator) number(i int) int {
	if v.src[i] == '-' {
		i++
	}
	if At(v.src, i) == '0' {
		i++
	} else {
		i = v.digits(i)
	}
	if At(v.src, i) == '.' {
		i = v.digits(i + 1)
	}
	if b := At(v.src, i); b == 'e' || b == 'E' {
		if i++; At(v.src, i) == '+' || At(v.src, i) == '-' {
			i++
		}
		i = v.digits(i)
	}
	return i
}

// digits checks that there is a digit at src[i] and returns the index after all
// digits.
func (v *validator) digits(i int) int {
	if b := At(v.src, i); b < '0' || b > '9' {
		return v.fail(i, "expected a digit")
	}
	for i < len(v.src) && '0' <= v.src[i] && v.src[i] <= '9' {
		i++
	}
	return i
}
