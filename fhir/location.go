package fhir

import (
	"strings"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

// location appends the URL at src[i], in full if it is relative, and returns the
// index behind it.
func (c *Converter) location(dst []byte, i int) ([]byte, int) {
	text, ok := jsonscan.StringText(c.src, i)
	if before := c.baseOf(text); ok && before != "" {
		dst = append(append(dst, '"'), before...)
		return append(append(dst, text...), '"'), jsonscan.ValueEnd(c.src, i)
	}
	return jsonscan.AppendCompact(dst, c.src, i)
}

// baseOf returns what a URL lacks, as JSON writes it: nothing if it is absolute,
// or leads into the document itself (RFC 3986, 4.2).
func (c *Converter) baseOf(text []byte) string {
	switch {
	case c.options.Style.AttachmentBaseURL == "", len(text) == 0, text[0] == '#', text[0] == '?':
		return ""
	case text[0] == '/' && jsonscan.At(text, 1) == '/', jsonscan.At(text, 0) == '\\':
		return ""
	case text[0] == '/':
		return c.origin
	}
	for _, b := range text {
		switch b {
		case ':':
			return "" // behind a scheme
		case '/', '?', '#':
			return c.base
		}
	}
	return c.base
}

// bases returns the address of a server, with a slash, and its origin, without.
func bases(address string) (base, origin string) {
	if address == "" {
		return "", ""
	}
	base = strings.TrimRight(address, "/") + "/"
	scheme, rest, _ := strings.Cut(base, "://")
	host, _, _ := strings.Cut(rest, "/")
	return escape(base), escape(scheme + "://" + host)
}
