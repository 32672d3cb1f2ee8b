package jsonscan

// Member is the position of a member of an object.
type Member struct {
	Key, KeyEnd int // the key with its quotes
	Value       int // the start of the value
}

// Name returns the key between its quotes, as written.
func (m Member) Name(src []byte) []byte { return src[m.Key+1 : m.KeyEnd-1] }

// NextMember reads the key at src[i] and the colon after it. ok is false without
// one.
func NextMember(src []byte, i int) (m Member, ok bool) {
	if At(src, i) != '"' {
		return m, false
	}
	end := StringEnd(src, i)
	colon := SkipSpace(src, end)
	if end-i < 2 || At(src, colon) != ':' {
		return m, false
	}
	return Member{i, end, SkipSpace(src, colon+1)}, true
}

// FindMember returns the first member with this name, as written, of the object at
// src[i].
func FindMember(src []byte, i int, name string) (m Member, ok bool) {
	if At(src, i) != '{' {
		return Member{}, false
	}
	for i = SkipSpace(src, i+1); ; i = SkipSpace(src, i+1) {
		m, ok := NextMember(src, i)
		if !ok {
			return m, false
		}
		if string(m.Name(src)) == name {
			return m, true
		}
		if i = SkipSpace(src, ValueEnd(src, m.Value)); At(src, i) != ',' {
			return m, false
		}
	}
}

// CountMembers returns the number of members of the object at src[i].
func CountMembers(src []byte, i int) int {
	count := 0
	for i = SkipSpace(src, i+1); ; i = SkipSpace(src, i+1) {
		m, ok := NextMember(src, i)
		if !ok {
			return count
		}
		count++
		if i = SkipSpace(src, ValueEnd(src, m.Value)); At(src, i) != ',' {
			return count
		}
	}
}
