package jsonb

import (
	"encoding/binary"
	"slices"
)

// Spacing is the white space between the tokens of a text.
type Spacing bool

const (
	// Compact texts have no white space.
	Compact Spacing = false

	// Spaced texts are as PostgreSQL prints them: {"a": [1, 2]}.
	Spaced Spacing = true
)

// AppendText appends the text of a document as PostgreSQL prints it and returns the
// extended slice. The error is ErrMalformed or ErrTooLong; dst is then unchanged up to
// its length, and what follows is undefined.
func AppendText(dst, doc []byte) ([]byte, error) {
	root, ok := Root(doc)
	if !ok {
		return dst, ErrMalformed
	}
	return AppendValue(dst, doc, root, Spaced)
}

// AppendValue is AppendText for a value in a document.
func AppendValue(dst, doc []byte, v Value, spacing Spacing) ([]byte, error) {
	return appendLimited(dst, doc, v, spacing, MaxText)
}

// appendLimited is AppendValue with this limit of the length of the text.
func appendLimited(dst, doc []byte, v Value, spacing Spacing, limit int) ([]byte, error) {
	p := printer{doc: doc, separator: len(","), limit: len(dst) + limit}
	if spacing == Spaced {
		p.separator = len(", ")
	}
	text := slices.Grow(dst, v.End()-v.Start()) // the usual length
	text, err := p.value(text, v.Kind(), v.Start(), v.End())
	if err != nil {
		return dst, err
	}
	text = text[:len(text)-p.separator]
	if len(text) > p.limit {
		return dst, ErrTooLong
	}
	return text, nil
}

// printer appends the text of values in a document. After each value it appends a
// comma, which the container that ends after it removes.
//
// A text grows with its document: by at most 6 bytes for each byte of a string, which
// belongs to one value only, and 7 for each entry. Only numbers are longer. So the limit
// is checked where a number, a container or a string that needs escapes ends.
type printer struct {
	doc       []byte
	separator int // length of a comma or colon and the space after it
	depth     int
	limit     int // of the length of dst
}

// value appends the value of this kind whose data is between start and end, and a comma.
func (p *printer) value(dst []byte, kind Kind, start, end int) ([]byte, error) {
	switch kind {
	case String:
		return p.quoted(dst, start, end, ','), nil
	case Number:
		return p.number(dst, start, end)
	case False:
		return p.separate(append(dst, "false"...), ','), nil
	case True:
		return p.separate(append(dst, "true"...), ','), nil
	case Null:
		return p.separate(append(dst, "null"...), ','), nil
	case Container:
		return p.container(dst, start, end)
	}
	return dst, ErrMalformed
}

// separate appends a comma or colon.
func (p *printer) separate(dst []byte, separator byte) []byte {
	return append(dst, separator, ' ')[:len(dst)+p.separator]
}

func (p *printer) number(dst []byte, start, end int) ([]byte, error) {
	dst, ok := appendNumber(dst, p.doc[min(aligned(start), end):end])
	switch {
	case !ok:
		return dst, ErrMalformed
	case len(dst) > p.limit:
		return dst, ErrTooLong
	}
	return p.separate(dst, ','), nil
}

func (p *printer) container(dst []byte, start, end int) ([]byte, error) {
	c, kind := open(p.doc, start, end)
	if kind == Invalid || p.depth == maxDepth {
		return dst, ErrMalformed
	}
	p.depth++
	var err error
	closing := byte(']')
	if kind == Object {
		closing = '}'
		dst, err = p.members(append(dst, '{'), c)
	} else {
		dst, err = p.items(append(dst, '['), c)
	}
	p.depth--
	if err != nil {
		return dst, err
	}
	if c.left > 0 {
		dst = dst[:len(dst)-p.separator]
	}
	if len(dst) > p.limit {
		return dst, ErrTooLong
	}
	return p.separate(append(dst, closing), ','), nil
}

// items appends the items of an array.
func (p *printer) items(dst []byte, c children) (_ []byte, err error) {
	data := c.base
	for entries := p.doc[c.entry:c.base]; len(entries) >= entryBytes; entries = entries[entryBytes:] {
		entry := binary.LittleEndian.Uint32(entries)
		end := childEnd(entry, data, c.base)
		if end < data || end > c.end {
			return dst, ErrMalformed
		}
		if dst, err = p.value(dst, kindOf(entry), data, end); err != nil {
			return dst, err
		}
		data = end
	}
	if data != c.end {
		return dst, ErrMalformed
	}
	return dst, nil
}

// members appends the members of an object.
func (p *printer) members(dst []byte, c children) (_ []byte, err error) {
	middle := c.entry + c.left*entryBytes
	names, values := p.doc[c.entry:middle], p.doc[middle:c.base]
	name, value := c.base, endOfNames(names, c.base)
	if value > c.end {
		return dst, ErrMalformed
	}
	for i := 0; i <= len(names)-entryBytes && i <= len(values)-entryBytes; i += entryBytes {
		entry := binary.LittleEndian.Uint32(names[i:])
		end := childEnd(entry, name, c.base)
		if end < name || end > c.end || kindOf(entry) != String {
			return dst, ErrMalformed
		}
		dst = p.quoted(dst, name, end, ':')
		name = end

		entry = binary.LittleEndian.Uint32(values[i:])
		end = childEnd(entry, value, c.base)
		if end < value || end > c.end {
			return dst, ErrMalformed
		}
		if kind := kindOf(entry); kind == String { // most values; saves a call
			dst = p.quoted(dst, value, end, ',')
		} else if dst, err = p.value(dst, kind, value, end); err != nil {
			return dst, err
		}
		value = end
	}
	if value != c.end {
		return dst, ErrMalformed
	}
	return dst, nil
}
