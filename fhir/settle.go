package fhir

import "slices"

// appendHeld converts the members that were held back, once the whole object of type n
// is known. dst ends with that object without its closing brace.
func (c *Converter) appendHeld(dst []byte, n *node, waiting []held, claims []claimed) []byte {
	if c.direction == toAidbox {
		return c.appendHeldTarget(dst, waiting, claims)
	}
	dst, waiting = c.appendHeldExtensions(dst, n, waiting, claims)
	if n.shape == reference {
		return c.appendHeldReference(dst, waiting)
	}
	return c.putBackAll(dst, waiting)
}

// putBack inserts a held member unchanged at its original position. shift is the
// number of bytes inserted before it; putBack returns the new shift.
func (c *Converter) putBack(dst []byte, h held, shift int) ([]byte, int) {
	mark := len(dst)
	dst, _ = c.doc.appendValue(c.doc.appendKey(dst, h.Member), h.Value)
	return c.moveMember(dst, h.dst+shift, mark, shift)
}

// putBackAll inserts all held members unchanged.
func (c *Converter) putBackAll(dst []byte, waiting []held) []byte {
	shift := 0
	for _, h := range waiting {
		dst, shift = c.putBack(dst, h, shift)
	}
	return dst
}

// moveMember moves the member that was appended at mark to its position and adds the
// comma. It returns the new shift.
func (c *Converter) moveMember(dst []byte, to, mark, shift int) ([]byte, int) {
	if before := dst[to-1]; before != '{' && before != ',' {
		dst = slices.Insert(dst, mark, ',')
	} else if to < mark {
		dst = append(dst, ',')
	}
	return c.moveTail(dst, to, mark), shift + len(dst) - mark
}

// moveTail moves the end of dst, from mark on, to an earlier position.
func (c *Converter) moveTail(dst []byte, to, mark int) []byte {
	if to == mark {
		return dst
	}
	c.scratch = append(c.scratch[:0], dst[mark:]...)
	copy(dst[to+len(c.scratch):], dst[to:mark])
	copy(dst[to:], c.scratch)
	return dst
}

// heldString returns the content of a held member, in text as written. ok is false if it
// is not a string.
func (c *Converter) heldString(h *held) (content []byte, ok bool) {
	if h.first != '"' {
		return nil, false
	}
	return c.doc.src[h.start:h.end], true
}
