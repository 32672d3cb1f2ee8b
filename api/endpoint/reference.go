package endpoint

import "strings"

// LocalID returns the id in a reference to a resource of this server, whose base URL is
// given: in Patient/123, in a versioned reference, in the URL of a resource, or in 123
// itself. A URL on another server refers to another resource.
func LocalID(base, resourceType, reference string) (id string, ok bool) {
	prefix := resourceType + "/"
	id = strings.TrimPrefix(reference, prefix)
	if len(reference) > len(base) && strings.EqualFold(reference[:len(base)], base) {
		if id, ok = strings.CutPrefix(reference[len(base):], "/"+prefix); !ok {
			return "", false
		}
	}
	if before, version, versioned := strings.Cut(id, "/_history/"); versioned && id != reference && version != "" && !strings.ContainsAny(version, "/?#") {
		id = before
	}
	return id, id != "" && Storable(id) && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || strings.ContainsRune("/|?#", r) })
}
