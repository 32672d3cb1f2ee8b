package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jsonscan"
)

// header holds the members of a resource that become columns.
type header struct {
	resourceType []byte
	id           []byte
	lastUpdated  []byte // as JSON; nil if absent
	createdAt    []byte // as JSON; nil if absent
}

// times returns ts and cts of a resource that keeps its times. Without lastUpdated, ts
// is now; without createdAt, cts is ts.
func (h header) times(now time.Time) (changed, created time.Time, err error) {
	if changed, err = parseInstant("meta.lastUpdated", h.lastUpdated, now); err != nil {
		return changed, created, err
	}
	created, err = parseInstant("meta.createdAt", h.createdAt, changed)
	return changed, created, err
}

// parseInstant parses a FHIR instant. If value is nil, it returns missing.
func parseInstant(element string, value []byte, missing time.Time) (time.Time, error) {
	if value == nil {
		return missing, nil
	}
	parsed, ok := fhir.ParseTime(string(unquote(value)))
	if !ok || !parsed.Instant {
		return missing, fmt.Errorf("invalid %s %.40s: must be an instant such as \"2024-05-31T08:26:10Z\"", element, value)
	}
	return parsed.Low, nil
}

// strip appends what a table stores of doc, a resource in Aidbox format: all but id,
// resourceType, meta.versionId, meta.lastUpdated and meta.createdAt, which are
// columns, and a meta that is then empty. Everything else is kept byte for byte. It
// is an error if id, resourceType or meta is repeated.
func strip(dst, doc []byte) ([]byte, header, error) {
	var head header
	var metas int
	start := len(dst)
	dst = append(dst, '{')

	err := eachMember(doc, func(key, value []byte) (err error) {
		switch string(unquote(key)) {
		case "id":
			head.id, err = readOnce(head.id, key, value)
		case "resourceType":
			head.resourceType, err = readOnce(head.resourceType, key, value)
		case "meta":
			if metas++; metas > 1 {
				return fmt.Errorf("%w: meta", errRepeated)
			}
			dst, err = appendMeta(dst, start, key, value, &head)
		default:
			dst = appendMember(dst, start, key, value)
		}
		return err
	})
	return append(dst, '}'), head, err
}

// readOnce returns the text of a member that must not be repeated; before is the one
// read so far.
func readOnce(before, key, value []byte) ([]byte, error) {
	if before != nil {
		return nil, fmt.Errorf("%w: %s", errRepeated, unquote(key))
	}
	if !json.Valid(value) {
		return nil, errSyntax // the database does not see it
	}
	return unquote(value), nil
}

// appendMeta appends meta to the object that starts at start, without the members
// that become columns, unless none is left. A meta that is not an object is
// unchanged.
func appendMeta(dst []byte, start int, key, meta []byte, head *header) ([]byte, error) {
	if meta[0] != '{' {
		return appendMember(dst, start, key, meta), nil
	}
	before := len(dst)
	dst = appendKey(dst, start, key)
	inner := len(dst)
	dst = append(dst, '{')

	err := eachMember(meta, func(key, value []byte) error {
		switch string(unquote(key)) {
		case "versionId":
		case "lastUpdated":
			head.lastUpdated = value
		case "createdAt":
			head.createdAt = value
		default:
			dst = appendMember(dst, inner, key, value)
			return nil
		}
		if !json.Valid(value) {
			return errSyntax // the database does not see it
		}
		return nil
	})
	if len(dst) == inner+1 {
		return dst[:before], err
	}
	return append(dst, '}'), err
}

// appendMember appends a member to the unfinished object that starts at start.
func appendMember(dst []byte, start int, key, value []byte) []byte {
	return append(appendKey(dst, start, key), value...)
}

func appendKey(dst []byte, start int, key []byte) []byte {
	if len(dst) > start+1 {
		dst = append(dst, ',')
	}
	return append(append(dst, key...), ':')
}

// eachMember calls fn for each member of doc, in order, until it returns an error.
// doc must be one object and nothing else. The members that strip keeps are not
// checked for valid JSON: the database parses them.
func eachMember(doc []byte, fn func(key, value []byte) error) error {
	i := jsonscan.SkipSpace(doc, 0)
	if jsonscan.At(doc, i) != '{' {
		return errNotObject
	}
	if i = jsonscan.SkipSpace(doc, i+1); jsonscan.At(doc, i) != '}' {
		for {
			m, ok := jsonscan.NextMember(doc, i)
			end := jsonscan.ValueEnd(doc, m.Value)
			if !ok || end == m.Value {
				return errSyntax
			}
			if err := fn(doc[m.Key:m.KeyEnd], doc[m.Value:end]); err != nil {
				return err
			}
			if i = jsonscan.SkipSpace(doc, end); jsonscan.At(doc, i) != ',' {
				break
			}
			i = jsonscan.SkipSpace(doc, i+1)
		}
	}
	if jsonscan.At(doc, i) != '}' || jsonscan.SkipSpace(doc, i+1) != len(doc) {
		return errSyntax
	}
	return nil
}

// unquote returns the text of a JSON string, or nil if the value is not a string.
func unquote(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return nil
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	var text string // escapes are rare
	if err := json.Unmarshal(value, &text); err != nil {
		return nil
	}
	return []byte(text)
}
