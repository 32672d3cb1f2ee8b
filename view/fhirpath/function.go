package fhirpath

import "bytes"

// extension pushes the extensions with a URL of each item of the operand.
func (e *Evaluator) extension(n *node, f *frame) error {
	url, ok, err := e.single(n, n.right, f)
	if err != nil {
		return err
	}
	base := len(e.stack)
	if err := e.evaluate(n.left, f); err != nil {
		return err
	}
	end := len(e.stack)
	for i := base; i < end && ok; i++ {
		e.pushExtensions(e.stack[i], &url)
		if err := e.checkItems(); err != nil {
			return err
		}
	}
	e.stack = e.stack[:base+copy(e.stack[base:], e.stack[end:])]
	return nil
}

// pushExtensions pushes the extensions of an item that have a URL.
func (e *Evaluator) pushExtensions(v Value, url *Value) {
	var found match
	switch {
	case v.root:
		found = e.index.find(extensionElement)
	case v.kind == Object:
		found = e.find(extensionElement, v.text)
	default:
		found = e.find(extensionElement, e.siblingOf(&v))
	}
	for list := newArray(found.value); ; {
		text, more := list.next()
		if !more || len(e.stack) > maxItems {
			return
		}
		m := e.find(urlElement, text)
		written, ok := newValue(nil, m.value)
		if ok && written.kind == String && e.sameText(&written, url) {
			e.push(Value{typ: e.schema.extension, kind: Object, text: text})
		}
	}
}

// The elements that functions read, which do not need types.
var (
	extensionElement = &element{name: "extension", members: []member{{"extension", objectType}}}
	urlElement       = &element{name: "url", members: []member{{"url", objectType}}}
	idElement        = &element{name: "id", members: []member{{"id", objectType}}}
	referenceElement = &element{name: "reference", members: []member{{"reference", objectType}}}
	startElement     = &element{name: "start", members: []member{{"start", objectType}}}
	endElement       = &element{name: "end", members: []member{{"end", objectType}}}
)

// objectType is a type without siblings.
var objectType = &typ{}

// sameText reports whether two strings are equal.
func (e *Evaluator) sameText(a, b *Value) bool {
	escaped := !a.decoded && bytes.IndexByte(a.text, '\\') >= 0 || !b.decoded && bytes.IndexByte(b.text, '\\') >= 0
	if !escaped {
		return string(a.text) == string(b.text)
	}
	mark := e.Mark()
	defer e.Release(mark)
	return string(e.decode(a)) == string(e.decode(b))
}

// join pushes the strings of the operand as one.
func (e *Evaluator) join(n *node, f *frame) error {
	var separator Value
	if n.right != nil {
		var ok bool
		var err error
		if separator, ok, err = e.single(n, n.right, f); err != nil || !ok {
			return err
		}
		if separator.class() != stringClass {
			return &DataError{Reason: "the separator of join() must be a String"}
		}
	}
	base := len(e.stack)
	if err := e.evaluate(n.left, f); err != nil {
		return err
	}
	items := e.stack[base:]
	e.stack = e.stack[:base]
	start, count := len(e.scratch), 0
	for i := range items {
		v := &items[i]
		if v.kind == Null {
			continue
		}
		if v.class() != stringClass {
			return &DataError{Reason: "join() needs strings, got " + string(v.Type())}
		}
		if err := e.checkText(len(separator.text) + len(v.text)); err != nil {
			return err
		}
		if count > 0 {
			e.appendText(&separator)
		}
		e.appendText(v)
		count++
	}
	if count > 0 {
		e.pushScratch(systemString, String, start)
	}
	return nil
}

// appendText appends the decoded string of a value to the scratch memory.
func (e *Evaluator) appendText(v *Value) {
	if v.decoded {
		e.scratch = append(e.scratch, v.text...)
		return
	}
	e.scratch = appendDecoded(e.scratch, v.text)
}

// pushScratch pushes the scratch memory from start as an item.
func (e *Evaluator) pushScratch(t *typ, k Kind, start int) {
	text := e.scratch[start:len(e.scratch):len(e.scratch)]
	e.push(Value{typ: t, kind: k, text: text, decoded: true})
}

// resourceKey pushes the id of the resource.
func (e *Evaluator) resourceKey(n *node, f *frame) error {
	base := len(e.stack)
	if err := e.evaluate(n.left, f); err != nil {
		return err
	}
	items := e.stack[base:]
	e.stack = e.stack[:base]
	if len(items) != 1 || !items[0].root {
		return nil
	}
	if id, ok := newValue(systemString, e.index.find(idElement).value); ok && id.kind == String {
		e.push(id)
	}
	return nil
}

// referenceKey pushes the key of each reference that has one.
func (e *Evaluator) referenceKey(n *node, f *frame) error {
	base := len(e.stack)
	if err := e.evaluate(n.left, f); err != nil {
		return err
	}
	kept := base
	for _, v := range e.stack[base:] {
		if key, ok := e.keyOf(v, n.typ); ok {
			e.stack[kept] = key
			kept++
		}
	}
	e.stack = e.stack[:kept]
	return nil
}
