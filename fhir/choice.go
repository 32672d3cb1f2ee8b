package fhir

import (
	"slices"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

// unfold appends a choice element in Aidbox format, value: {"Quantity": {...}}, under
// its FHIR name, valueQuantity. It may hold the id and extensions of a primitive,
// value: {"string": "x", "_string": {...}}. Anything else is written as stored.
func (c *Converter) unfold(dst []byte, m jsonscan.Member, f *field, claims int) ([]byte, int) {
	if c.doc.first(m.Value) != '{' {
		return c.asStored(dst, m, f, reasonChoice)
	}
	start := len(dst)
	var option *field
	var seen [2]bool // the value, its sibling
	inside := c.doc.members(m.Value)
	for more := true; more; {
		inner, ok := c.doc.next(&inside)
		if !ok {
			return c.asStored(dst[:start], m, f, reasonChoice)
		}
		o, sibling := f.optionNamed(c.doc.name(inner))
		if o == nil || option != nil && o != option || seen[sibling] {
			return c.asStored(dst[:start], m, f, reasonChoice)
		}
		option, seen[sibling] = o, true
		var end int
		dst, end = c.option(dst, inner.Value, o, sibling)
		more = c.doc.more(&inside, end)
	}
	if c.findClaim(claims, option) >= 0 {
		return c.asStored(dst[:start], m, f, reasonTwice)
	}
	c.claims = append(c.claims, claimed{m, option, start, len(dst), true})
	return dst, inside.at
}

// unfoldSibling appends the id and extensions of a primitive in a choice element,
// _value: {"string": {...}}, as _valueString.
func (c *Converter) unfoldSibling(dst []byte, m jsonscan.Member, f *field) ([]byte, int) {
	if c.doc.first(m.Value) == '{' {
		inside := c.doc.members(m.Value)
		inner, ok := c.doc.next(&inside)
		if ok && c.doc.first(inner.Value) == '{' {
			option := f.options.find(c.doc.name(inner))
			if option != nil && !c.doc.more(&inside, c.doc.after(inner.Value)) {
				dst, _ = c.option(dst, inner.Value, option, 1)
				return dst, inside.at
			}
		}
	}
	return c.asStored(dst, m, f, reasonChoice)
}

// optionNamed returns the option of a choice element with this name. sibling is 1 if it
// is the name of a primitive's sibling, "_string".
func (f *field) optionNamed(name []byte) (option *field, sibling int) {
	if len(name) > 1 && name[0] == '_' {
		if option = f.options.find(name[1:]); option != nil && option.node != nil {
			return nil, 1
		}
		return option, 1
	}
	return f.options.find(name), 0
}

// option appends the value at position i under the FHIR name of an option, valueString or
// _valueString.
func (c *Converter) option(dst []byte, i int, option *field, sibling int) ([]byte, int) {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	if sibling == 1 {
		dst = append(append(append(dst, '_'), option.name...), '"', ':')
		return c.value(dst, i, c.tables.sibling)
	}
	return c.value(append(append(dst, option.name...), '"', ':'), i, option)
}

// fold appends an option of a choice element in FHIR format, valueQuantity, under its
// Aidbox name, value: {"Quantity": {...}}. If the object has that name already, the
// option is written as it is.
func (c *Converter) fold(dst []byte, m jsonscan.Member, f *field, claims int) ([]byte, int) {
	if c.findClaim(claims, f.choice) >= 0 {
		c.reportAt(f, reasonTwice)
		return c.value(c.appendKey(dst, m), m.Value, f)
	}
	start := len(dst)
	if dst[start-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(append(append(dst, '"'), f.choice.name...), `":{"`...)
	dst = append(append(dst, f.option...), '"', ':')
	dst, i := c.value(dst, m.Value, f)
	dst = append(dst, '}')
	c.claims = append(c.claims, claimed{m, f.choice, start, len(dst), true})
	return dst, i
}

// claim appends a member that may have the same name as a converted one. In that case it
// restores the converted member.
func (c *Converter) claim(dst []byte, m jsonscan.Member, f *field, claims int) ([]byte, int) {
	if k := c.findClaim(claims, f); k >= 0 && c.claims[k].converted {
		c.reportAt(f, reasonTwice)
		dst = c.restore(dst, k)
	}
	start := len(dst)
	dst, i := c.value(c.appendKey(dst, m), m.Value, f)
	c.claims = append(c.claims, claimed{m, f, start, len(dst), false})
	return dst, i
}

// findClaim returns the index of this object's claim on a field, or -1.
func (c *Converter) findClaim(claims int, f *field) int {
	k := slices.IndexFunc(c.claims[claims:], func(other claimed) bool { return other.field == f })
	if k < 0 {
		return -1
	}
	return claims + k
}

// restore replaces a converted member in the output, the k-th claim, by the member of
// the document.
func (c *Converter) restore(dst []byte, k int) []byte {
	old := c.claims[k]
	comma := old.start
	if dst[comma] == ',' {
		comma++
	}
	c.scratch, _ = c.doc.appendValue(c.doc.appendKey(c.scratch[:0], old.Member), old.Value)

	before := len(dst)
	dst = slices.Replace(dst, comma, old.end, c.scratch...)
	shift := len(dst) - before
	for j := range c.claims {
		switch other := &c.claims[j]; {
		case other.start == old.start:
			other.end, other.converted = old.end+shift, false
		case other.start > old.start:
			other.start, other.end = other.start+shift, other.end+shift
		}
	}
	return dst
}

// asStored appends a member as it is and reports the reason.
func (c *Converter) asStored(dst []byte, m jsonscan.Member, f *field, reason string) ([]byte, int) {
	c.reportAt(f, reason)
	return c.doc.appendValue(c.appendKey(dst, m), m.Value)
}
