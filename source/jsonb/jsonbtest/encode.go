// Package jsonbtest makes stored forms of jsonb for tests without a server.
package jsonbtest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Kinds of entries, headers and the stride of src/include/utils/jsonb.h.
const (
	kindString    = 0x00000000
	kindNumber    = 0x10000000
	kindFalse     = 0x20000000
	kindTrue      = 0x30000000
	kindNull      = 0x40000000
	kindContainer = 0x50000000

	kindMask   = 0x70000000
	offsetFlag = 0x80000000
	stride     = 32

	scalarHeader = 0x10000000
	objectHeader = 0x20000000
	arrayHeader  = 0x40000000
)

// member is a name and a value of an object.
type member struct {
	name  string
	value any
}

// Encode returns the stored form of a JSON text, as PostgreSQL stores it. It panics if
// the text is not JSON. The text must not have what PostgreSQL rejects: the character
// \u0000, invalid UTF-8, or numbers that are too large or too precise.
func Encode(text []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	root := parse(decoder, token(decoder))
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		panic("jsonbtest: text after the JSON value")
	}
	e := encoder{}
	switch root.(type) {
	case []any, []member:
		e.value(root)
	default:
		e.container(arrayHeader|scalarHeader|1, []any{root})
	}
	return e.stored
}

func token(decoder *json.Decoder) json.Token {
	t, err := decoder.Token()
	if err != nil {
		panic(fmt.Sprintf("jsonbtest: %v", err))
	}
	return t
}

// parse returns the value that begins with a token: a scalar as encoding/json returns
// it, []any or []member.
func parse(decoder *json.Decoder, t json.Token) any {
	switch t {
	case json.Delim('['):
		items := []any{}
		for t = token(decoder); t != json.Delim(']'); t = token(decoder) {
			items = append(items, parse(decoder, t))
		}
		return items
	case json.Delim('{'):
		members := []member{}
		for t = token(decoder); t != json.Delim('}'); t = token(decoder) {
			members = append(members, member{t.(string), parse(decoder, token(decoder))})
		}
		return unique(members)
	}
	return t
}

// unique returns the members in the order of jsonb: by the length of their names, then
// by bytes. Of members with the same name, the last remains.
func unique(members []member) []member {
	slices.Reverse(members)
	slices.SortStableFunc(members, func(a, b member) int {
		if len(a.name) != len(b.name) {
			return len(a.name) - len(b.name)
		}
		return strings.Compare(a.name, b.name)
	})
	return slices.CompactFunc(members, func(a, b member) bool { return a.name == b.name })
}

// encoder appends values to their document.
type encoder struct {
	stored []byte
}

// value appends a value and returns its entry with its length.
func (e *encoder) value(value any) uint32 {
	start := len(e.stored)
	kind := uint32(kindContainer)
	switch v := value.(type) {
	case nil:
		kind = kindNull
	case bool:
		kind = kindFalse
		if v {
			kind = kindTrue
		}
	case string:
		kind = kindString
		e.stored = append(e.stored, v...)
	case json.Number:
		kind = kindNumber
		e.align()
		e.stored = appendNumeric(e.stored, v.String())
	case []any:
		e.container(arrayHeader|uint32(len(v)), v)
	case []member:
		children := make([]any, 0, 2*len(v))
		for _, m := range v {
			children = append(children, m.name)
		}
		for _, m := range v {
			children = append(children, m.value)
		}
		e.container(objectHeader|uint32(len(v)), children)
	}
	return kind | uint32(len(e.stored)-start)
}

// container appends a header, the entries of children, and their data.
func (e *encoder) container(header uint32, children []any) {
	e.align()
	e.stored = binary.LittleEndian.AppendUint32(e.stored, header)
	entries := len(e.stored)
	e.stored = append(e.stored, make([]byte, 4*len(children))...)
	data := len(e.stored)
	for i, child := range children {
		entry := e.value(child)
		if i%stride == 0 {
			entry = entry&kindMask | offsetFlag | uint32(len(e.stored)-data)
		}
		binary.LittleEndian.PutUint32(e.stored[entries+4*i:], entry)
	}
}

// align appends the padding before a number or container.
func (e *encoder) align() {
	for len(e.stored)%4 != 0 {
		e.stored = append(e.stored, 0)
	}
}
