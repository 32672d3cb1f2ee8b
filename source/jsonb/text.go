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
	p := printer{doc: doc, spacing: spacing, limit: len(dst) + maxText}
	before := len(dst)
	dst = p.value(dst, v)
	if p.err != nil {
		return dst[:before], p.err
	}
	return dst, nil
}

// printer appends the text of values in a document.
type printer struct {
	doc     []byte
	spacing Spacing
	depth   int
	limit   int // of the length of dst
	err     error
}

func (p *printer) value(dst []byte, v Value) []byte {
	switch v.kind {
	case String:
		return appendQuoted(dst, p.doc[v.Start:v.End])
	case Number:
		var ok bool
		if dst, ok = appendNumber(dst, p.doc[min(aligned(v.Start), v.End):v.End]); !ok {
			p.fail(ErrMalformed)
		}
		return dst
	case False:
		return append(dst, "false"...)
	case True:
		return append(dst, "true"...)
	case Null:
		return append(dst, "null"...)
	}
	return p.container(dst, v)
}

func (p *printer) container(dst []byte, v Value) []byte {
	kind := KindOf(p.doc, v)
	if kind == Invalid || p.depth >= maxDepth {
		return p.fail2(dst, ErrMalformed)
	}
	if len(dst) > p.limit {
		return p.fail2(dst, ErrTooLong)
	}
	p.depth++
	if kind == Object {
		dst = p.object(dst, v)
	} else {
		dst = p.array(dst, v)
	}
	p.depth--
	return dst
}

func (p *printer) array(dst []byte, v Value) []byte {
	items, ok := ItemsOf(p.doc, v)
	dst = append(dst, '[')
	for first := true; ok && p.err == nil; first = false {
		var more bool
		if more, ok = items.Next(p.doc); !more {
			break
		}
		if !first {
			dst = p.comma(dst)
		}
		dst = p.value(dst, items.value)
	}
	if !ok {
		p.fail(ErrMalformed)
	}
	return append(dst, ']')
}

func (p *printer) object(dst []byte, v Value) []byte {
	members, ok := MembersOf(p.doc, v)
	dst = append(dst, '{')
	for first := true; ok && p.err == nil; first = false {
		var more bool
		if more, ok = members.Next(p.doc); !more {
			break
		}
		if !first {
			dst = p.comma(dst)
		}
		dst = append(appendQuoted(dst, p.doc[members.name.Start:members.name.End]), ':')
		if p.spacing == Spaced {
			dst = append(dst, ' ')
		}
		dst = p.value(dst, members.value)
	}
	if !ok {
		p.fail(ErrMalformed)
	}
	return append(dst, '}')
}

func (p *printer) comma(dst []byte) []byte {
	if p.spacing == Spaced {
		return append(dst, ',', ' ')
	}
	return append(dst, ',')
}

// fail ends the text with an error.
func (p *printer) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *printer) fail2(dst []byte, err error) []byte {
	p.fail(err)
	return dst
}

// AppendString appends the content of a string in quotes, with the escapes of PostgreSQL.
func appendQuoted(dst, content []byte) []byte {
	n := len(content)
	dst = append(slices.Grow(dst, n+2*word), '"')
	at := len(dst)
	out := dst[:cap(dst)]
	i := 0
	for ; i+word <= n; i += word {
		w := binary.LittleEndian.Uint64(content[i:])
		if needsEscape(w) {
			return appendEscaped(out[:at+i], content[i:])
		}
		binary.LittleEndian.PutUint64(out[at+i:], w)
	}
	for ; i < n; i++ {
		b := content[i]
		if b < ' ' || b == '"' || b == '\\' {
			return appendEscaped(out[:at+i], content[i:])
		}
		out[at+i] = b
	}
	return append(out[:at+n], '"')
}

const word = 8

// needsEscape reports whether one of eight bytes must be escaped.
func needsEscape(w uint64) bool {
	const (
		low  = 0x0101010101010101
		high = 0x8080808080808080
	)
	quote, backslash := w^(low*'"'), w^(low*'\\')
	return ((w-low*' ')&^w|(quote-low)&^quote|(backslash-low)&^backslash)&high != 0
}

// appendEscaped appends the rest of a string and its closing quote.
func appendEscaped(dst, content []byte) []byte {
	const hex = "0123456789abcdef"
	for _, b := range content {
		switch {
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		case b >= ' ':
			dst = append(dst, b)
		case shortEscapes[b] != 0:
			dst = append(dst, '\\', shortEscapes[b])
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
		}
	}
	return append(dst, '"')
}

var shortEscapes = [' ']byte{'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}
