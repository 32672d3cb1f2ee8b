package ndjson

import (
	"strconv"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/jsonb"
)

// splicer merges a row's columns into its resource. The result is what PostgreSQL
// prints for
//
//	resource || {id, resourceType, meta: meta || {createdAt, versionId, lastUpdated}}
//
// The columns take precedence over members of the same names in the resource
// (Fhirbase stores them there as well). A time that is null in the row is taken from
// the resource. A meta of null counts as absent. A meta or a resource that is not an
// object is left as it is, so that invalid data is not lost.
//
// jsonb sorts the members of an object by the length of their names, then by bytes,
// so one pass over the members of the root, and of meta, finds every position.
// Nothing is decoded, and nothing is allocated for a row.
type splicer struct {
	resourceType    []byte
	versionIDString bool
	withoutMeta     bool // in replacements

	// Set for each row.
	id, createdAt, versionID, lastUpdated []byte
	meta, root                            [3]member
	printed                               []byte // the text of a stored value to merge
	replaced                              []fhir.Replacement
}

func newSplicer(resourceType string, format Format) *splicer {
	s := &splicer{
		resourceType:    appendString(nil, []byte(resourceType)),
		versionIDString: format.Style.VersionIDAsString,
		withoutMeta:     !format.keepsMeta(),
	}
	s.replaced = append(s.replaced, fhir.Replacement{Name: "id"})
	if !s.withoutMeta {
		s.replaced = append(s.replaced, fhir.Replacement{Name: "meta", Merge: func(dst, stored []byte) []byte { return s.root[1].merged(dst, stored) }})
	}
	s.replaced = append(s.replaced, fhir.Replacement{Name: "resourceType", Value: s.resourceType})
	return s
}

// append appends the merged document, without a line feed.
func (s *splicer) append(dst []byte, row *source.Row) ([]byte, error) {
	if row.Stored {
		return s.appendStored(dst, row)
	}
	s.prepare(row)
	return merge(dst, row.Resource, s.root[:]), nil
}

// prepare sets the members for a row, in the order of jsonb, which merge requires.
func (s *splicer) prepare(row *source.Row) {
	s.id = appendString(s.id[:0], row.ID)
	s.createdAt = appendTime(s.createdAt[:0], row.Created)
	s.versionID = appendVersion(s.versionID[:0], row.TxID, s.versionIDString)
	s.lastUpdated = appendTime(s.lastUpdated[:0], row.Changed)

	meta := s.meta[:0]
	if len(s.createdAt) > 0 {
		meta = append(meta, member{name: "createdAt", value: s.createdAt})
	}
	meta = append(meta, member{name: "versionId", value: s.versionID})
	if len(s.lastUpdated) > 0 {
		meta = append(meta, member{name: "lastUpdated", value: s.lastUpdated})
	}
	s.root = [...]member{
		{name: "id", value: s.id},
		{name: "meta", members: meta},
		{name: "resourceType", value: s.resourceType},
	}
}

// replacements returns the members for a row, for a converter that merges them
// itself: the row is not copied before it is converted. They are valid until the
// next call.
func (s *splicer) replacements(row *source.Row) []fhir.Replacement {
	if s.withoutMeta {
		s.id = appendString(s.id[:0], row.ID)
	} else {
		s.prepare(row)
	}
	s.replaced[0].Value = s.id
	return s.replaced
}

// appendString appends a string as PostgreSQL prints it in jsonb.
func appendString(dst, content []byte) []byte {
	return jsonb.AppendString(dst, content, 0, len(content))
}

func appendVersion(dst []byte, txid int64, quoted bool) []byte {
	if quoted {
		dst = append(dst, '"')
	}
	dst = strconv.AppendInt(dst, txid, 10)
	if quoted {
		dst = append(dst, '"')
	}
	return dst
}
