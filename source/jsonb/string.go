package jsonb

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// word is the number of bytes of a string that are handled at once.
const word = 8

// AppendString appends the bytes of a document from start to end as the text of a
// string: in quotes and with the escapes of PostgreSQL. It stops when that is longer than
// MaxText.
func AppendString(dst, doc []byte, start, end int) []byte {
	p := printer{doc: doc, limit: len(dst) + MaxText}
	return p.quoted(dst, start, end, 0)
}

// AppendContent is AppendString for a string with this content, without the quotes.
func AppendContent(dst, content []byte) []byte {
	return appendEscaped(dst, content, len(dst)+MaxText)
}

// quoted appends the bytes from start to end as a string, and a comma or colon. It is
// most of the CPU time of a text. It copies words, the last of which may reach beyond the
// string in both slices. The conditions that seem redundant remove bounds checks.
func (p *printer) quoted(dst []byte, start, end int, separator byte) []byte {
	n := end - start
	if end+word > len(p.doc) || len(dst)+n+2*word > cap(dst) {
		return p.escaped(append(dst, '"'), start, end, separator)
	}
	in, out := p.doc[start:], dst[len(dst):cap(dst)]
	out[0] = '"'
	i := 0
	for ; i <= n-word && i <= len(in)-word && i <= len(out)-word-1; i += word {
		w := binary.LittleEndian.Uint64(in[i:])
		binary.LittleEndian.PutUint64(out[i+1:], w)
		if escapes(w) != 0 {
			return p.escaped(dst[:len(dst)+1+i], start+i, end, separator)
		}
	}
	if i <= len(in)-word && i <= len(out)-word-1 {
		w := binary.LittleEndian.Uint64(in[i:])
		binary.LittleEndian.PutUint64(out[i+1:], w)
		if escapes(w|beyond[(n-i)&(word-1)]) != 0 {
			return p.escaped(dst[:len(dst)+1+i], start+i, end, separator)
		}
	}
	binary.LittleEndian.PutUint32(out[n+1:], '"'|uint32(separator)<<8|' '<<16)
	return dst[:len(dst)+n+2+p.separator]
}

// escaped appends the rest of a string, the closing quote, and a comma or colon. It is
// quoted without its conditions: for strings with escapes, at the end of the document,
// and where the capacity of dst is too small.
func (p *printer) escaped(dst []byte, start, end int, separator byte) []byte {
	dst = appendEscaped(dst, p.doc[start:end], p.limit)
	return p.separate(append(dst, '"'), separator)
}

// beyond is for each length of the last word of a string a mask that makes the bytes
// after the string need no escape.
var beyond = [word]uint64{
	0x8080808080808080, 0x8080808080808000, 0x8080808080800000, 0x8080808080000000,
	0x8080808000000000, 0x8080800000000000, 0x8080000000000000, 0x8000000000000000,
}

// escapes returns 0 if none of eight bytes needs an escape. Otherwise the least bit that
// is set is the highest one of the first byte that does: a control character, a quote or
// a backslash.
func escapes(w uint64) uint64 {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	// Flipping bit 1 exchanges the quote and the space, and leaves control characters
	// below both: all that is then less than 0x21 borrows from its highest bit.
	quoteOrControl := w ^ 2*ones - (' '+1)*ones
	backslash := w ^ '\\'*ones - ones
	return (quoteOrControl | backslash) &^ w & highs
}

// appendEscaped appends the content of a string. It stops when dst is longer than limit.
func appendEscaped(dst, content []byte, limit int) []byte {
	for {
		dst = slices.Grow(dst, len(content)+word)
		clean := copyClean(dst[len(dst):cap(dst)], content)
		dst = dst[:len(dst)+clean]
		if clean == len(content) || len(dst) > limit {
			return dst
		}
		dst = appendEscape(dst, content[clean])
		content = content[clean+1:]
	}
}

// copyClean copies the content of a string up to the first byte that needs an escape and
// returns the number of bytes before that.
func copyClean(out, content []byte) int {
	i := 0
	for ; i <= len(content)-word && i <= len(out)-word; i += word {
		w := binary.LittleEndian.Uint64(content[i:])
		binary.LittleEndian.PutUint64(out[i:], w)
		if found := escapes(w); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(content) && i < len(out); i++ {
		b := content[i]
		if b < ' ' || b == '"' || b == '\\' {
			break
		}
		out[i] = b
	}
	return i
}

// appendEscape appends the escape of a byte.
func appendEscape(dst []byte, b byte) []byte {
	const hex = "0123456789abcdef"
	switch {
	case b >= ' ':
		return append(dst, '\\', b)
	case shortEscapes[b] != 0:
		return append(dst, '\\', shortEscapes[b])
	}
	return append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
}

var shortEscapes = [' ']byte{'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}
