// Package sqltext composes SQL statements out of fragments that carry the values of
// their arguments. Placeholders are numbered once, when the statement is complete, so
// that fragments can be combined in any order without renumbering.
//
//	owned := sqltext.New("r.owner = {id}", sqltext.Values{"id": sqltext.Arg(id, "text")})
//	recent := sqltext.New("r.ts > {since}", sqltext.Values{"since": sqltext.Arg(since, "timestamptz")})
//	where := sqltext.Join([]sqltext.Fragment{owned, recent}, " AND ")
//	sql, args := sqltext.New("SELECT r.id FROM {table} AS r WHERE {where}", sqltext.Values{
//		"table": sqltext.Text(table),
//		"where": where,
//	}).Statement()
//
// It must not know what the statements are about, and imports no other package of this
// module.
package sqltext

import (
	"slices"
	"strconv"
	"strings"
)

// Fragment is a piece of SQL with the values of its arguments. The zero value is the
// empty text. Fragments are immutable.
type Fragment struct {
	parts []part
}

// part is a piece of a Fragment.
type part struct {
	kind partKind

	// text is SQL, the value of an argument in text format, or the name of a hole.
	text string

	// sqlType is the type of an argument.
	sqlType string
}

type partKind uint8

const (
	sqlPart partKind = iota
	argumentPart
	holePart
)

// Values are the fragments that fill the holes of a template, by the names of the
// holes.
type Values map[string]Fragment

// Text returns SQL without holes: braces in it are literal.
func Text(sql string) Fragment {
	if sql == "" {
		return Fragment{}
	}
	return Fragment{[]part{{text: sql}}}
}

// Arg returns an argument, which is written as a placeholder with a cast to an SQL
// type. The value is in PostgreSQL's text format. A value that occurs more than once
// in a statement, with the same type, is sent once.
func Arg(value, sqlType string) Fragment {
	return Fragment{[]part{{argumentPart, value, sqlType}}}
}

// New returns a template whose holes are filled with values. A hole is a name of lower
// case letters in braces, such as {rows}; other braces are literal. A hole
// without a value remains, to be filled later. Values are not searched for holes of
// this template.
func New(template string, values Values) Fragment {
	return parse(template).Fill(values)
}

// Join returns the fragments with a separator between them.
func Join(fragments []Fragment, separator string) Fragment {
	var joined []part
	for i, f := range fragments {
		if i > 0 && separator != "" {
			joined = append(joined, part{text: separator})
		}
		joined = append(joined, f.parts...)
	}
	return Fragment{joined}
}

// Concat returns the fragments one after the other.
func Concat(fragments ...Fragment) Fragment { return Join(fragments, "") }

// IsEmpty reports whether the fragment is the empty text.
func (f Fragment) IsEmpty() bool { return len(f.parts) == 0 }

// Fill returns the fragment with values in its holes.
func (f Fragment) Fill(values Values) Fragment {
	filled := make([]part, 0, len(f.parts))
	for _, p := range f.parts {
		value, ok := values[p.text]
		if p.kind != holePart || !ok {
			filled = append(filled, p)
			continue
		}
		filled = append(filled, value.parts...)
	}
	return Fragment{filled}
}

// Statement returns the SQL and the values of its placeholders $1, $2, …, in text
// format, as pgconn.PgConn.ExecParams takes them. A hole that was not filled is written
// as it stood in the template.
func (f Fragment) Statement() (sql string, args [][]byte) {
	var out strings.Builder
	numbers := make(map[part]int)
	for _, p := range f.parts {
		switch p.kind {
		case sqlPart:
			out.WriteString(p.text)
		case holePart:
			out.WriteString("{" + p.text + "}")
		case argumentPart:
			number, known := numbers[p]
			if !known {
				args = append(args, []byte(p.text))
				number = len(args)
				numbers[p] = number
			}
			out.WriteString("$" + strconv.Itoa(number) + "::" + p.sqlType)
		}
	}
	return out.String(), args
}

// parse splits a template into text and holes.
func parse(template string) Fragment {
	var parts []part
	start := 0
	for i := 0; i < len(template); i++ {
		if template[i] != '{' {
			continue
		}
		length := strings.IndexFunc(template[i+1:], func(r rune) bool { return r < 'a' || r > 'z' })
		end := i + 1 + length
		if length < 1 || template[end] != '}' {
			continue
		}
		if i > start {
			parts = append(parts, part{text: template[start:i]})
		}
		parts = append(parts, part{kind: holePart, text: template[i+1 : end]})
		start = end + 1
		i = end
	}
	if start < len(template) {
		parts = append(parts, part{text: template[start:]})
	}
	return Fragment{slices.Clip(parts)}
}
