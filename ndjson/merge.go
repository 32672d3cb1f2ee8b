package ndjson

import "github.com/seed-90096f4d/sluice/jsonscan"

// member is a member to merge into an object: a value as it is printed, or, if
// that is nil, members to merge into the object that is the value.
type member struct {
	name    string
	value   []byte
	members []member
}

// merge appends object with the members merged into it, which must be in the
// order of jsonb. An object that is none, or is not as PostgreSQL prints it, is
// appended as it is.
func merge(dst, object []byte, ours []member) []byte {
	start := len(dst)
	dst, ok := mergeObject(dst, object, ours)
	if !ok {
		return append(dst[:start], object...)
	}
	return dst
}

// mergeObject does the work of merge. It walks the stored members from the start
// for all of ours but the last, and for that one from the end; what lies between
// two places of change is copied as a whole.
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

// mergeLast appends the members of object from pos on with one of ours among
// them, whose place it looks for from the end.
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

// append appends the member to an object that has none of this name.
func (m member) append(dst []byte) []byte {
	dst = append(dst, '"')
	dst = append(dst, m.name...)
	dst = append(dst, `": `...)
	if m.value != nil {
		return append(dst, m.value...)
	}
	return merge(dst, []byte("{}"), m.members)
}

// replace appends what becomes of the stored value.
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

// merged appends what becomes of the stored value, or of none.
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
