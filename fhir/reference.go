package fhir

import "bytes"

// target holds the members of a reference that identify its target, or that conflict
// with one that does.
type target struct {
	id, uri, local, literal, kind, stated *held
}

// find sets the members from those that were held back. A null counts as absent.
func (t *target) find(waiting []held) {
	for k := range waiting {
		h := &waiting[k]
		if h.first == 'n' {
			continue
		}
		switch h.field.name {
		case "id":
			t.id = h
		case "uri":
			t.uri = h
		case "localRef":
			t.local = h
		case "reference":
			t.literal = h
		case "resourceType":
			t.kind = h
		case "type":
			t.stated = h
		}
	}
}

// appendHeldReference appends the held members of a reference in Aidbox format as
// FHIR. It leaves a reference unchanged that is in FHIR format or ambiguous.
func (c *Converter) appendHeldReference(dst []byte, waiting []held) []byte {
	var t target
	t.find(waiting)
	from, reason := c.targetMember(&t)
	if from == nil && (reason != "" || t.kind == nil) {
		if reason != "" {
			c.report(reason)
		}
		return c.putBackAll(dst, waiting)
	}
	shift := 0
	for k := range waiting {
		h := &waiting[k]
		mark := len(dst)
		switch {
		case h == from:
			dst = c.appendReference(dst, &t, from)
		case h == t.kind && t.stated == nil && (from == nil || from != t.id):
			dst, _ = c.doc.appendValue(append(dst, `"type":`...), h.Value)
		case h == t.stated, h == t.id && t.kind == nil, h.field.extended != nil, h.field.name == "resource" && h.first != '{':
			dst, shift = c.putBack(dst, *h, shift)
			continue
		default:
			continue // resourceType, which is written with another, and resource, which FHIR does not have
		}
		dst, shift = c.moveMember(dst, h.dst+shift, mark, shift)
	}
	return dst
}

// targetMember returns the member that identifies the target, or nil. reason is set if
// the reference is ambiguous.
func (c *Converter) targetMember(t *target) (from *held, reason string) {
	if t.literal != nil {
		if t.kind != nil || t.uri != nil || t.local != nil {
			return nil, reasonTwoTargets
		}
		return nil, ""
	}
	count := 0
	for _, h := range []*held{t.id, t.uri, t.local} {
		if h == nil {
			continue
		}
		if _, ok := c.heldString(h); !ok {
			return nil, reasonReference
		}
		if from == t.id && t.kind == nil {
			count = 0 // it is the id of the element
		}
		from, count = h, count+1
	}
	if t.kind != nil {
		kind, ok := c.heldString(t.kind)
		if !ok || len(kind) == 0 {
			return nil, reasonReference
		}
	}
	switch {
	case count > 1:
		return nil, reasonTwoTargets
	case from == nil:
		return nil, c.typeConflict(t)
	case from == t.id:
		id, _ := c.heldString(t.id)
		if len(id) == 0 || t.kind == nil && !bytes.ContainsAny(id, "/:#?") {
			return nil, reasonNoID
		}
	}
	return from, ""
}

// typeConflict returns the reason why a reference without a target cannot be
// converted, if it states two types.
func (c *Converter) typeConflict(t *target) string {
	if t.kind == nil || t.stated == nil {
		return ""
	}
	kind, _ := c.heldString(t.kind)
	if stated, ok := c.heldString(t.stated); !ok || !bytes.Equal(kind, stated) {
		return reasonTwoTypes
	}
	return ""
}

// appendReference appends the member "reference" for the target of a reference in
// Aidbox format. An id without a type is the whole reference: Fhirbase stores a
// reference so that is not Type/id.
func (c *Converter) appendReference(dst []byte, t *target, from *held) []byte {
	dst = append(dst, `"reference":"`...)
	switch {
	case from == t.local:
		dst = append(dst, '#')
	case from == t.id && t.kind != nil:
		kind, _ := c.heldString(t.kind)
		dst = append(c.doc.appendContent(dst, kind), '/')
	}
	text, _ := c.heldString(from)
	return append(c.doc.appendContent(dst, text), '"')
}

// appendHeldTarget appends the target of a FHIR reference in Aidbox format:
// {resourceType, id}, {localRef} or {uri}. It leaves a reference unchanged that has a
// member with one of these names, such as an element id.
func (c *Converter) appendHeldTarget(dst []byte, waiting []held, claims []claimed) []byte {
	h := &waiting[0]
	text, ok := c.heldString(h)
	switch {
	case !ok:
		c.report(reasonReference)
		return c.putBackAll(dst, waiting)
	case len(waiting) > 1:
		c.report(reasonTwoTargets)
		return c.putBackAll(dst, waiting)
	}
	if reason := targetConflict(claims); reason != "" {
		c.report(reason)
		return c.putBackAll(dst, waiting)
	}
	mark := len(dst)
	text = simplified(text)
	if kind, id, ok := splitReference(text); ok {
		dst = append(append(append(dst, `"id":"`...), id...), `","resourceType":"`...)
		dst = append(append(dst, kind...), '"')
	} else if local, ok := bytes.CutPrefix(text, []byte("#")); ok {
		dst = append(append(append(dst, `"localRef":"`...), local...), '"')
	} else {
		dst = append(append(append(dst, `"uri":"`...), text...), '"')
	}
	dst, _ = c.moveMember(dst, h.dst, mark, 0)
	return dst
}

// targetConflict returns the reason why a reference cannot be converted, if it has
// members with the names of the converted ones.
func targetConflict(claims []claimed) string {
	reason := ""
	for _, other := range claims {
		switch {
		case other.field.action[toFHIR] != hold:
		case other.field.name == "id":
			reason = reasonElementID
		default:
			return reasonTwoTargets
		}
	}
	return reason
}

// splitReference splits Type/id. ok is false for anything else, such as a version, a
// query or an absolute URL.
func splitReference(text []byte) (kind, id []byte, ok bool) {
	kind, id, ok = bytes.Cut(text, []byte("/"))
	if !ok || len(kind) == 0 || len(id) == 0 || kind[0] < 'A' || kind[0] > 'Z' {
		return nil, nil, false
	}
	for _, b := range kind {
		if !('a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9') {
			return nil, nil, false
		}
	}
	return kind, id, !bytes.ContainsAny(id, `/?#\ `)
}
