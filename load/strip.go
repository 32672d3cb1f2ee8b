package load

import "encoding/json"

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
// empty goes too. Everything else is kept byte for byte. Of a key that stands
// twice the last one counts, as with jsonb.
func strip(dst, doc []byte) ([]byte, header, error) {
	var head header
	start := len(dst)
	dst = append(dst, '{')

	err := members(doc, func(m member) (err error) {
		switch string(m.name()) {
		case "id":
			head.id = unquote(m.value)
		case "resourceType":
			head.resourceType = unquote(m.value)
		case "meta":
			dst, err = appendMeta(dst, start, m, &head)
		default:
			dst = appendMember(dst, start, m)
		}
		return err
	})
	return append(dst, '}'), head, err
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
