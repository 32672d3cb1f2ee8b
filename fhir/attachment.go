package fhir

import (
	"strings"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

// appendURL appends the URL at position i, resolved if it is relative, and returns the
// index after it.
func (c *Converter) appendURL(dst []byte, i int) ([]byte, int) {
	text, ok := c.doc.text(i)
	if prefix := c.missingPrefix(text); ok && prefix != "" {
		dst = append(append(dst, '"'), prefix...)
		return append(c.doc.appendContent(dst, text), '"'), c.doc.after(i)
	}
	return c.doc.appendValue(dst, i)
}

// missingPrefix returns the part of a URL that a relative reference lacks (RFC 3986,
// 4.2), escaped for JSON. It is empty if the URL is absolute, or a fragment or query
// of the document itself.
func (c *Converter) missingPrefix(text []byte) string {
	switch {
	case c.options.Style.AttachmentBaseURL == "", len(text) == 0, text[0] == '#', text[0] == '?':
		return ""
	case text[0] == '/' && jsonscan.At(text, 1) == '/', text[0] == '\\', text[0] == '"', text[0] < ' ':
		return "" // an escape, which the stored form has as a character, begins no reference
	case text[0] == '/':
		return c.origin
	}
	for _, b := range text {
		switch b {
		case ':':
			return "" // after a scheme
		case '/', '?', '#':
			return c.base
		}
	}
	return c.base
}

// resolveBase returns a base URL with a slash at the end and its origin without one,
// escaped for JSON.
func resolveBase(baseURL string) (base, origin string) {
	if baseURL == "" {
		return "", ""
	}
	base = strings.TrimRight(baseURL, "/") + "/"
	scheme, rest, _ := strings.Cut(base, "://")
	host, _, _ := strings.Cut(rest, "/")
	return escape(base), escape(scheme + "://" + host)
}
