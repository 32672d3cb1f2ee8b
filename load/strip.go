package load

import (
	"encoding/json"
	"fmt"
)

// header is what a resource says of itself outside its stored document.
type header struct {
	resourceType []byte
	id           []byte
	lastUpdated  []byte // nil when absent
	createdAt    []byte // nil when absent
}

// strip appends to dst what a table stores of doc, a resource in Aidbox
// format: all but id, resourceType, meta.versionId, meta.lastUpdated and
// meta.createdAt, which live in columns of their own; a meta that is then
// empty goes too. Everything else is kept byte for byte. A resource that
// states one of the three twice is refused: nobody could say which one counts.
func strip(dst, doc []byte) ([]byte, header, error) {
	var head header
	var metas int
	start := len(dst)
	dst = append(dst, '{')

	err := members(doc, func(m member) (err error) {
		switch string(m.name()) {
		case "id":
			head.id, err = once(head.id, m)
		case "resourceType":
			head.resourceType, err = once(head.resourceType, m)
		case "meta":
			if metas++; metas > 1 {
				return fmt.Errorf("%w: meta", errTwice)
			}
			dst, err = appendMeta(dst, start, m, &head)
		default:
			dst = appendMember(dst, start, m)
		}
		return err
	})
	return append(dst, '}'), head, err
}

// once reads the text of a member that must not stand twice.
func once(before []byte, m member) ([]byte, error) {
	if before != nil {
		return nil, fmt.Errorf("%w: %s", errTwice, m.name())
	}
	if !json.Valid(m.value) {
		return nil, errSyntax // nobody after us would see it
	}
	return unquote(m.value), nil
}

// appendMeta appends the meta member of the object that starts at start,
// without what columns hold, unless nothing is left of it. A meta that is no
// object stays as it is.
func appendMeta(dst []byte, start int, meta member, head *header) ([]byte, error) {
	if meta.value[0] != '{' {
		return appendMember(dst, start, meta), nil
	}
	before := len(dst)
	dst = appendKey(dst, start, meta.key)
	inner := len(dst)
	dst = append(dst, '{')

	err := members(meta.value, func(m member) error {
		switch string(m.name()) {
		case "versionId":
		case "lastUpdated":
			head.lastUpdated = m.value
		case "createdAt":
			head.createdAt = m.value
		default:
			dst = appendMember(dst, inner, m)
			return nil
		}
		if !json.Valid(m.value) {
			return errSyntax // nobody after us would see it
		}
		return nil
	})
	if len(dst) == inner+1 {
		return dst[:before], err
	}
	return append(dst, '}'), err
}

// appendMember appends m to the unfinished object that starts at start.
func appendMember(dst []byte, start int, m member) []byte {
	return append(appendKey(dst, start, m.key), m.value...)
}

func appendKey(dst []byte, start int, key []byte) []byte {
	if len(dst) > start+1 {
		dst = append(dst, ',')
	}
	return append(append(dst, key...), ':')
}
