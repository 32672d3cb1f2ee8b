package fhir

import (
	"bytes"
	"slices"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

// extracted is an extension that becomes an element in Aidbox format.
type extracted struct {
	field *field
	item  int // the start of the extension
	value int // the start of its value
}

// extract appends the extensions of an object of type n in Aidbox format: those that
// are elements there become members, unless the object has that member already.
func (c *Converter) extract(dst []byte, m jsonscan.Member, f *field, n *node, claims int) ([]byte, int) {
	before, claimsBefore := len(c.found), len(c.claims)
	c.findElements(m.Value, n, claims)
	found := c.found[before:]
	if len(found) == 0 {
		return c.value(c.appendKey(dst, m), m.Value, f)
	}
	start := len(dst)
	for k, e := range found {
		if !slices.ContainsFunc(found[:k], e.sameField) {
			dst = c.appendElement(dst, found[k:], e.field)
			c.claims = append(c.claims, claimed{m, e.field, start, 0, true})
		}
	}
	dst, end := c.appendOthers(dst, m, f, found)
	for k := claimsBefore; k < len(c.claims); k++ {
		c.claims[k].end = len(dst)
	}
	c.found = c.found[:before]
	return dst, end
}

func (e extracted) sameField(other extracted) bool { return e.field == other.field }

// findElements finds the extensions in the array at src[i] that are elements of type
// n in Aidbox format, except repeated ones of an element that does not repeat.
func (c *Converter) findElements(i int, n *node, claims int) {
	before := len(c.found)
	if jsonscan.At(c.src, i) != '[' {
		return
	}
	for i = jsonscan.SkipSpace(c.src, i+1); jsonscan.At(c.src, i) == '{'; i = jsonscan.SkipSpace(c.src, i+1) {
		if f := c.findElement(i, n); f != nil && c.findClaim(claims, f) < 0 {
			if value, ok := c.findValue(i, f.extended); ok {
				c.found = append(c.found, extracted{f, i, value})
			}
		}
		if i = jsonscan.SkipSpace(c.src, jsonscan.ValueEnd(c.src, i)); jsonscan.At(c.src, i) != ',' {
			break
		}
	}
	found := c.found[before:]
	for k := 0; k < len(found); {
		e := found[k]
		if !e.field.extended.collection && slices.ContainsFunc(found[k+1:], e.sameField) {
			found = slices.DeleteFunc(found, e.sameField)
			continue
		}
		k++
	}
	c.found = c.found[:before+len(found)]
}

// findElement returns the element of type n for the extension at src[i], or nil.
func (c *Converter) findElement(i int, n *node) *field {
	url, ok := jsonscan.FindMember(c.src, i, "url")
	if !ok {
		return nil
	}
	text, ok := jsonscan.StringText(c.src, url.Value)
	if !ok {
		return nil
	}
	text = c.simplified(text)
	if n.shape == metadata && string(text) == c.createdAtURL {
		return n.members.find([]byte("createdAt"))
	}
	return n.attributes[string(text)]
}

// findValue returns the start of the value of the extension at src[i], if it holds
// only its URL and that value.
func (c *Converter) findValue(i int, e *extended) (value int, ok bool) {
	name := "extension"
	if e.value != nil {
		name = e.value.name
	}
	m, ok := jsonscan.FindMember(c.src, i, name)
	if !ok || jsonscan.CountMembers(c.src, i) != 2 {
		return 0, false
	}
	if e.value == nil {
		return m.Key, jsonscan.At(c.src, m.Value) == '['
	}
	return m.Value, e.fits(jsonscan.At(c.src, m.Value))
}

// appendElement appends the element f with the values of its extensions.
func (c *Converter) appendElement(dst []byte, found []extracted, f *field) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(append(append(dst, '"'), f.name...), '"', ':')
	if f.extended.collection {
		dst = append(dst, '[')
	}
	first := true
	for _, e := range found {
		if e.field != f {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = c.appendElementValue(dst, e)
	}
	if f.extended.collection {
		dst = append(dst, ']')
	}
	return dst
}

// appendElementValue appends the value of one extension; nested extensions become its
// members.
func (c *Converter) appendElementValue(dst []byte, e extracted) []byte {
	inner := e.field.extended
	if inner.value != nil {
		dst, _ = c.value(dst, e.value, inner.value)
		return dst
	}
	claims := len(c.claims)
	m, _ := jsonscan.NextMember(c.src, e.value)
	dst, _ = c.extract(append(dst, '{'), m, inner.members.members.find([]byte("extension")), inner.members, claims)
	c.claims = c.claims[:claims]
	return append(dst, '}')
}

// appendOthers appends the extensions that are not elements, if there are any, and
// returns the index after the array.
func (c *Converter) appendOthers(dst []byte, m jsonscan.Member, f *field, found []extracted) ([]byte, int) {
	mark := len(dst)
	dst = append(c.appendKey(dst, m), '[')
	i := jsonscan.SkipSpace(c.src, m.Value+1)
	for i < len(c.src) && jsonscan.At(c.src, i) != ']' {
		if slices.ContainsFunc(found, func(e extracted) bool { return e.item == i }) {
			i = jsonscan.ValueEnd(c.src, i)
		} else {
			if dst[len(dst)-1] != '[' {
				dst = append(dst, ',')
			}
			dst, i = c.value(dst, i, f)
		}
		if i = jsonscan.SkipSpace(c.src, i); jsonscan.At(c.src, i) == ',' {
			i = jsonscan.SkipSpace(c.src, i+1)
		}
	}
	if bytes.HasSuffix(dst[mark:], []byte(":[")) {
		return dst[:mark], i + 1
	}
	return append(dst, ']'), i + 1
}
