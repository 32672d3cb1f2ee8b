package load

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
)

// maxTypeLength keeps "<type>_history" within the 63 bytes of a PostgreSQL
// name: a longer one would be cut, and could then meet another table.
const maxTypeLength = 63 - len("_history")

// maxIDLength bounds what becomes a key of an index.
const maxIDLength = 255

var typePattern = regexp.MustCompile(`^[A-Z][A-Za-z]*$`)

// identities checks which table and which row a resource belongs to.
type identities struct {
	spelling map[string]string // lower case of an R4 type -> the type
	checked  map[string]string // types of this load that were found good
}

func newIdentities() *identities {
	ids := &identities{spelling: make(map[string]string), checked: make(map[string]string)}
	for _, resourceType := range fhir.R4().ResourceTypes() {
		ids.spelling[strings.ToLower(resourceType)] = resourceType
	}
	return ids
}

// check returns the type and id of a resource. Types that R4 does not know are
// welcome, since Aidbox has custom ones, but a wrong spelling of one it knows
// would end in that type's table.
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
		return "", nil, fmt.Errorf("%s: id %.80q is not a FHIR id (letters, digits, '-' and '.', at most %d)", resourceType, head.id, maxIDLength)
	}
	return resourceType, head.id, nil
}

func (ids *identities) checkType(resourceType string) error {
	if len(resourceType) > maxTypeLength || !typePattern.MatchString(resourceType) {
		return fmt.Errorf("resourceType %.80q is not the name of a resource type", resourceType)
	}
	if right, ok := ids.spelling[strings.ToLower(resourceType)]; ok && right != resourceType {
		return fmt.Errorf("resourceType %q: the type is spelt %q", resourceType, right)
	}
	return nil
}

// validID holds an id to the letters of FHIR's data type id (R4, 2.24.0.1). Its
// length is taken more lightly than the 64 allowed: ids of HL7's own examples
// are longer, and nothing here depends on it.
func validID(id []byte) bool {
	for _, c := range id {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return len(id) >= 1 && len(id) <= maxIDLength
}
