package fhir

import (
	"errors"

	"github.com/seed-90096f4d/sluice/jsonscan"
	"github.com/seed-90096f4d/sluice/source/jsonb"
)

// document is a document to convert: text, or jsonb in its stored form.
//
// A position of a value is an int: in text the index of its first byte, in the stored
// form a [jsonb.Value]. Methods that read a value return the index after it, which only
// text has. Strings of text are as written, with escapes; strings of the stored form are
// decoded.
//
// What is not JSON, or malformed, sets err.
type document struct {
	src    []byte
	stored bool
	limit  int // of the length of the output, in the stored form
	err    error
}

// root returns the position of the root of a document.
func (d *document) root() int {
	if !d.stored {
		return jsonscan.SkipSpace(d.src, 0)
	}
	v, ok := jsonb.Root(d.src)
	d.check(ok)
	return int(v)
}

// check sets err unless a part of the stored form is well formed.
func (d *document) check(ok bool) {
	if !ok && d.err == nil {
		d.err = jsonb.ErrMalformed
	}
}

// errNotJSON means that a text is not JSON.
var errNotJSON = errors.New("not JSON")

// finish returns the error of the document. end is the index after the root.
func (d *document) finish(end int) error {
	if d.err == nil && !d.stored && jsonscan.SkipSpace(d.src, end) != len(d.src) {
		d.err = errNotJSON
	}
	return d.err
}

// notJSON sets err for a text and returns its end.
func (d *document) notJSON() int {
	d.err = errNotJSON
	return len(d.src)
}

// first returns the first byte of the text of the value at position i, which tells its
// type; 0 if there is none.
func (d *document) first(i int) byte {
	switch {
	case d.stored:
		return d.firstStored(i)
	case i < len(d.src):
		return d.src[i]
	}
	return 0
}

// after returns the index after the value at position i.
func (d *document) after(i int) int {
	if d.stored {
		return 0
	}
	return jsonscan.ValueEnd(d.src, i)
}

// appendValue appends the text of the value at position i without white space and
// returns the index after it.
func (d *document) appendValue(dst []byte, i int) ([]byte, int) {
	if d.stored {
		return d.appendStored(dst, jsonb.Value(i), jsonb.Compact), 0
	}
	if jsonscan.At(d.src, i) == '"' {
		end := jsonscan.StringEnd(d.src, i)
		return jsonscan.AppendSpan(dst, d.src, i, end), end
	}
	return jsonscan.AppendCompact(dst, d.src, i)
}

// text returns the content of the string at position i, in text as written, and reports
// whether there is a string.
func (d *document) text(i int) (content []byte, ok bool) {
	if d.stored {
		v := jsonb.Value(i)
		return d.src[v.Start():v.End()], v.Kind() == jsonb.String
	}
	return jsonscan.StringText(d.src, i)
}

// appendContent appends the content of a string of the document with its escapes, without
// quotes.
func (d *document) appendContent(dst, content []byte) []byte {
	if d.stored {
		return jsonb.AppendContent(dst, content)
	}
	return append(dst, content...)
}

// name returns the name of a member, in text as written. The key of a member of the
// stored form is the position of its name.
func (d *document) name(m jsonscan.Member) []byte {
	if d.stored {
		return d.src[m.Key:m.KeyEnd]
	}
	return m.Name(d.src)
}

// appendKey appends the key of a member and the colon.
func (d *document) appendKey(dst []byte, m jsonscan.Member) []byte {
	switch {
	case d.stored:
		return append(jsonb.AppendString(dst, d.src, m.Key, m.KeyEnd), ':')
	case d.src[m.KeyEnd] == ':':
		return jsonscan.AppendSpan(dst, d.src, m.Key, m.KeyEnd+1)
	}
	return append(append(dst, d.src[m.Key:m.KeyEnd]...), ':')
}

// compareNames compares the name of a member with another, in the order of jsonb.
func (d *document) compareNames(name []byte, other string) int {
	if d.stored {
		return jsonb.CompareNames(name, other)
	}
	return jsonscan.CompareNames(name, other)
}

// find returns the position of the value of the first member with this name, as written,
// of the object at position i.
func (d *document) find(i int, name string) (value int, ok bool) {
	if !d.stored {
		m, ok := jsonscan.FindMember(d.src, i, name)
		return m.Value, ok
	}
	members := jsonb.MembersOf(d.src, jsonb.Value(i))
	for members.Next(d.src) {
		if string(d.src[members.NameStart:members.NameEnd]) == name {
			return int(members.Value), true
		}
	}
	d.check(!members.Malformed)
	return 0, false
}

// resourceType returns the resourceType of the object at position i, or nil if that is
// not a string.
func (d *document) resourceType(i int) []byte {
	if value, ok := d.find(i, "resourceType"); ok {
		if name, ok := d.text(value); ok {
			return name
		}
	}
	return nil
}

// members are the members of an object that were not read yet.
type members struct {
	at     int // in text, where the next one begins, or the index after the object
	stored jsonb.Members
}

// members returns the members of the object at position i.
func (d *document) members(i int) (m members) {
	if d.stored {
		m.stored = jsonb.MembersOf(d.src, jsonb.Value(i))
		return m
	}
	m.at = jsonscan.SkipSpace(d.src, i+1)
	return m
}

// next returns the next member. The caller must call more after it has read the value.
func (d *document) next(m *members) (_ jsonscan.Member, ok bool) {
	if !d.stored {
		return jsonscan.NextMember(d.src, m.at)
	}
	ok = m.stored.Next(d.src)
	d.check(!m.stored.Malformed)
	return jsonscan.Member{Key: m.stored.NameStart, KeyEnd: m.stored.NameEnd, Value: int(m.stored.Value)}, ok
}

// more reports whether there are more members after that whose value ends before end.
func (d *document) more(m *members, end int) bool {
	if d.stored {
		return m.stored.More()
	}
	end = jsonscan.SkipSpace(d.src, end)
	if jsonscan.At(d.src, end) == '}' {
		m.at = end + 1
		return false
	}
	m.at = jsonscan.SkipSpace(d.src, end+1)
	return true
}

// item is an item of an array, from which nextItem leads to the next one.
type item struct {
	at   int // its position
	rest jsonb.Items
}

// firstItem returns the first item of the array at position i. Without one, at is in
// text the index of the bracket that closes the array.
func (d *document) firstItem(i int) (it item, ok bool) {
	if !d.stored {
		it.at = jsonscan.SkipSpace(d.src, i+1)
		return it, jsonscan.At(d.src, it.at) != ']'
	}
	it.rest = jsonb.ItemsOf(d.src, jsonb.Value(i))
	return it, d.nextItem(&it, 0)
}

// nextItem advances to the next item and reports whether there is one. end is the index
// after the current one. After the last, at is in text the index of the bracket that
// closes the array.
func (d *document) nextItem(it *item, end int) bool {
	if !d.stored {
		if it.at = jsonscan.SkipSpace(d.src, end); jsonscan.At(d.src, it.at) != ',' {
			return false
		}
		it.at = jsonscan.SkipSpace(d.src, it.at+1)
		return true
	}
	ok := it.rest.Next(d.src)
	it.at = int(it.rest.Value)
	d.check(!it.rest.Malformed)
	return ok
}
