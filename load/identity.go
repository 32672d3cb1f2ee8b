package load

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
)

// maxTypeLength keeps "<type>_history" within the 63 bytes of a PostgreSQL
// identifier. A longer one is truncated, and could collide with another table.
const maxTypeLength = 63 - len("_history")

// maxIDLength is the maximum length of an id, which is a key of an index.
const maxIDLength = 255

var typePattern = regexp.MustCompile(`^[A-Z][A-Za-z]*$`)

// identities validates the types and ids of resources.
type identities struct {
	spelling map[string]string // lower case of an R4 type -> the type
	checked  map[string]string // valid types of this load
}

func newIdentities() *identities {
	ids := &identities{spelling: make(map[string]string), checked: make(map[string]string)}
	for _, resourceType := range fhir.R4().ResourceTypes() {
		ids.spelling[strings.ToLower(resourceType)] = resourceType
	}
	return ids
}

// check returns the type and id of a resource. Types that are not in R4 are valid,
// since Aidbox has custom ones, but not those that differ from an R4 type only in
// case: they have the same table.
func (ids *identities) check(head header) (resourceType string, id []byte, err error) {
	if head.resourceType == nil {
		return "", nil, errors.New("resourceType is missing or not a string")
	}
	resourceType, ok := ids.checked[string(head.resourceType)]
	if !ok {
		resourceType = string(head.resourceType)
		if err := ids.checkType(resourceType); err != nil {
			return "", nil, err
		}
		ids.checked[resourceType] = resourceType
	}

	if head.id == nil {
		return "", nil, fmt.Errorf("%s: id is missing or not a string", resourceType)
	}
	if !validID(head.id) {
		return "", nil, fmt.Errorf("%s: invalid id %.80q: must be 1 to %d letters, digits, '-' or '.'", resourceType, head.id, maxIDLength)
	}
	return resourceType, head.id, nil
}

func (ids *identities) checkType(resourceType string) error {
	if len(resourceType) > maxTypeLength || !typePattern.MatchString(resourceType) {
		return fmt.Errorf("invalid resourceType %.80q: must be at most %d letters, the first in upper case", resourceType, maxTypeLength)
	}
	if correct, ok := ids.spelling[strings.ToLower(resourceType)]; ok && correct != resourceType {
		return fmt.Errorf("invalid resourceType %q: did you mean %q?", resourceType, correct)
	}
	return nil
}

// validID reports whether an id has only characters of FHIR's data type id (R4,
// 2.24.0.1). It may be longer than the 64 characters allowed, as some ids in HL7's
// examples are.
func validID(id []byte) bool {
	for _, c := range id {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return len(id) >= 1 && len(id) <= maxIDLength
}
