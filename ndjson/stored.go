package ndjson

import (
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/jsonb"
)

// appendStored is append for a resource in its stored form. Its members are in the order
// of jsonb, so they are merged while they are printed. After an error, dst is undefined
// beyond its length.
func (s *splicer) appendStored(dst []byte, row *source.Row) ([]byte, error) {
	doc := row.Resource
	root, ok := jsonb.Root(doc)
	if !ok || jsonb.KindOf(doc, root) != jsonb.Object {
		return row.AppendText(dst)
	}
	s.prepare(row)
	start, ours := len(dst), s.root[:]
	dst = append(dst, '{')
	members := jsonb.MembersOf(doc, root)
	for members.Next(doc) {
		name, order := doc[members.NameStart:members.NameEnd], -1
		for len(ours) > 0 {
			if order = jsonb.CompareNames(name, ours[0].name); order <= 0 {
				break
			}
			dst = append(ours[0].append(dst), ", "...)
			ours = ours[1:]
		}
		dst = append(jsonb.AppendString(dst, doc, members.NameStart, members.NameEnd), ": "...)
		var err error
		if order == 0 {
			dst, err = s.replaceStored(dst, doc, members.Value, ours[0])
			ours = ours[1:]
		} else {
			dst, err = jsonb.AppendValue(dst, doc, members.Value, jsonb.Spaced)
		}
		if err == nil && len(dst)-start > jsonb.MaxText {
			err = jsonb.ErrTooLong
		}
		if err != nil {
			return dst[:start], row.Malformed(err)
		}
		dst = append(dst, ", "...)
	}
	if members.Malformed {
		return dst[:start], row.Malformed(jsonb.ErrMalformed)
	}
	for _, m := range ours {
		dst = append(m.append(dst), ", "...)
	}
	return append(dst[:len(dst)-len(", ")], '}'), nil // ours are among the members
}

// replaceStored appends the value that replaces a stored one.
func (s *splicer) replaceStored(dst, doc []byte, stored jsonb.Value, ours member) (_ []byte, err error) {
	if ours.value != nil {
		return append(dst, ours.value...), nil
	}
	printed, err := jsonb.AppendValue(s.printed[:0], doc, stored, jsonb.Spaced)
	if err != nil {
		return dst, err
	}
	if s.printed = nil; cap(printed) <= keepSize {
		s.printed = printed
	}
	return ours.merged(dst, printed), nil
}
