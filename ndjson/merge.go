package ndjson

import "github.com/seed-90096f4d/sluice/jsonscan"

// member is a member to merge into an object: a value in printed form or, if that is
// nil, members to merge into the value, an object.
type member struct {
	name    string
	value   []byte
	members []member
}

// merge appends object with the members merged into it, which must be in the order of
// jsonb. What is not an object as PostgreSQL prints it is appended as it is.
func merge(dst, object []byte, ours []member) []byte {
	start := len(dst)
	dst, ok := mergeObject(dst, object, ours)
	if !ok {
		return append(dst[:start], object...)
	}
	return dst
}

// mergeObject is merge for an object; ok is false if object is not one. It looks for
// the positions of the members from the start, but for that of the last from the end,
// and copies what is between them at once.
func mergeObject(dst, object []byte, ours []member) (_ []byte, ok bool) {
	if len(object) < 2 || object[0] != '{' || object[len(object)-1] != '}' {
		return dst, false
	}
	copied, pos := 0, 1 // what is in dst; where the next stored member begins

	for len(ours) > 1 && object[pos] != '}' {
		stored, ok := jsonscan.NextMember(object, pos)
		if !ok {
			return dst, false
		}
		order := jsonscan.CompareNames(stored.Name(object), ours[0].name)
		if order > 0 {
			dst = append(dst, object[copied:pos]...)
			dst = append(ours[0].append(dst), ", "...)
			copied, ours = pos, ours[1:]
			continue
		}
		end := jsonscan.ValueEnd(object, stored.Value)
		if end == stored.Value {
			return dst, false
		}
		if order == 0 {
			dst = append(dst, object[copied:stored.Value]...)
			if dst, ok = ours[0].replace(dst, object[stored.Value:end]); !ok {
				return dst, false
			}
			copied, ours = end, ours[1:]
		}
		if pos = end; jsonscan.At(object, end) == ',' {
			pos = jsonscan.SkipSpace(object, end+1)
		}
		if pos >= len(object) {
			return dst, false
		}
	}
	dst = append(dst, object[copied:pos]...)
	if object[pos] != '}' {
		return mergeLast(dst, object, pos, ours[0])
	}
	for i, m := range ours {
		if i > 0 || pos > 1 {
			dst = append(dst, ", "...)
		}
		dst = m.append(dst)
	}
	return append(dst, '}'), pos == len(object)-1
}

// mergeLast appends the members of object from pos on with our merged into them. It
// looks for its position from the end.
func mergeLast(dst, object []byte, pos int, our member) (_ []byte, ok bool) {
	for end := len(object) - 1; ; {
		stored, ok := jsonscan.PreviousMember(object, pos, end)
		if !ok {
			return dst, false
		}
		order := jsonscan.CompareNames(stored.Name(object), our.name)
		switch {
		case order < 0:
			dst = append(append(dst, object[pos:end]...), ", "...)
			return append(our.append(dst), object[end:]...), true
		case order == 0:
			dst = append(dst, object[pos:stored.Value]...)
			dst, ok = our.replace(dst, object[stored.Value:end])
			return append(dst, object[end:]...), ok
		case stored.Key == pos:
			dst = append(our.append(dst), ", "...)
			return append(dst, object[pos:]...), true
		}
		end = stored.Key - len(", ")
		if end <= pos || string(object[end:stored.Key]) != ", " {
			return dst, false
		}
	}
}

// append appends the member, for an object that has none of this name.
func (m member) append(dst []byte) []byte {
	dst = append(dst, '"')
	dst = append(dst, m.name...)
	dst = append(dst, `": `...)
	if m.value != nil {
		return append(dst, m.value...)
	}
	return merge(dst, []byte("{}"), m.members)
}

// replace appends the value that replaces the stored one.
func (m member) replace(dst, stored []byte) (_ []byte, ok bool) {
	switch {
	case m.value != nil:
		return append(dst, m.value...), true
	case stored[0] == '{':
		return mergeObject(dst, stored, m.members)
	case string(stored) == "null":
		return mergeObject(dst, []byte("{}"), m.members)
	}
	return append(dst, stored...), true
}

// merged is replace for a value that may be absent, or not as PostgreSQL prints it.
func (m member) merged(dst, stored []byte) []byte {
	if len(stored) == 0 {
		stored = []byte("null")
	}
	start := len(dst)
	dst, ok := m.replace(dst, stored)
	if !ok {
		return append(dst[:start], stored...)
	}
	return dst
}
