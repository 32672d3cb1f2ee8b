package fhir

import "strings"

// location appends the URL at src[i], in full if it is relative, and returns the
// index behind it.
func (c *Converter) location(dst []byte, i int) ([]byte, int) {
	text, ok := stringText(c.src, i)
	if before := c.baseOf(text); ok && before != "" {
		dst = append(append(dst, '"'), before...)
		return append(append(dst, text...), '"'), valueEnd(c.src, i)
	}
	return appendValue(dst, c.src, i)
}

// baseOf returns what a URL lacks, as JSON writes it: nothing if it is absolute,
// or leads into the document itself (RFC 3986, 4.2).
func (c *Converter) baseOf(text []byte) string {
	switch {
	case c.options.Style.AttachmentBaseURL == "", len(text) == 0, text[0] == '#', text[0] == '?':
		return ""
	case text[0] == '/' && at(text, 1) == '/', at(text, 0) == '\\':
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
	return quote(base), quote(scheme + "://" + host)
}
