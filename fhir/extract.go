package fhir

import (
	"bytes"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

// extract appends the extensions of a Meta, of type n, in Aidbox format: the one for
// createdAt becomes that member, unless there are several or the object has the member
// already. Documents in Aidbox format are made from text only, so extract and the functions
// below do not read the stored form.
func (c *Converter) extract(dst []byte, m jsonscan.Member, n *node, claims int) ([]byte, int) {
	created := n.members.find([]byte("createdAt"))
	item, value := c.findCreatedAt(m.Value)
	if item < 0 || c.findClaim(claims, created) >= 0 {
		return c.doc.appendValue(c.appendKey(dst, m), m.Value)
	}
	start := len(dst)
	if dst[start-1] != '{' {
		dst = append(dst, ',')
	}
	dst, _ = jsonscan.AppendCompact(append(dst, `"createdAt":`...), c.doc.src, value)
	dst, end := c.appendOthers(dst, m, item)
	c.claims = append(c.claims, claimed{m, created, start, len(dst), true})
	return dst, end
}

// findCreatedAt returns the starts of the extension for createdAt and of its value, in
// the array at src[i]. item is -1 if there is none, or more than one.
func (c *Converter) findCreatedAt(i int) (item, value int) {
	item = -1
	if jsonscan.At(c.doc.src, i) != '[' {
		return item, value
	}
	for i = jsonscan.SkipSpace(c.doc.src, i+1); jsonscan.At(c.doc.src, i) == '{'; i = jsonscan.SkipSpace(c.doc.src, i+1) {
		if found, ok := c.createdAtValue(i); ok {
			if item >= 0 {
				return -1, 0
			}
			item, value = i, found
		}
		if i = jsonscan.SkipSpace(c.doc.src, jsonscan.ValueEnd(c.doc.src, i)); jsonscan.At(c.doc.src, i) != ',' {
			break
		}
	}
	return item, value
}

// createdAtValue returns the start of the value of the extension at src[i], if it is for
// createdAt and holds only its URL and that value.
func (c *Converter) createdAtValue(i int) (value int, ok bool) {
	url, _ := jsonscan.FindMember(c.doc.src, i, "url")
	text, ok := jsonscan.StringText(c.doc.src, url.Value)
	if !ok || string(simplified(text)) != c.createdAtURL {
		return 0, false
	}
	m, ok := jsonscan.FindMember(c.doc.src, i, "valueInstant")
	return m.Value, ok && jsonscan.CountMembers(c.doc.src, i) == 2 && jsonscan.At(c.doc.src, m.Value) == '"'
}

// appendOthers appends the extensions but the one at item, if there are any, and
// returns the index after the array.
func (c *Converter) appendOthers(dst []byte, m jsonscan.Member, item int) ([]byte, int) {
	mark := len(dst)
	dst = append(c.appendKey(dst, m), '[')
	i := jsonscan.SkipSpace(c.doc.src, m.Value+1)
	for i < len(c.doc.src) && c.doc.src[i] != ']' {
		if i == item {
			i = jsonscan.ValueEnd(c.doc.src, i)
		} else {
			if dst[len(dst)-1] != '[' {
				dst = append(dst, ',')
			}
			dst, i = jsonscan.AppendCompact(dst, c.doc.src, i)
		}
		if i = jsonscan.SkipSpace(c.doc.src, i); jsonscan.At(c.doc.src, i) == ',' {
			i = jsonscan.SkipSpace(c.doc.src, i+1)
		}
	}
	if bytes.HasSuffix(dst[mark:], []byte(":[")) {
		return dst[:mark], i + 1
	}
	return append(dst, ']'), i + 1
}
