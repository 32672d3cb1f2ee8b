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

// checkHeader returns an error unless a resource has a valid type and a valid id. Types
// that are not in R4 are valid, since Aidbox has custom ones, but not those that differ
// from an R4 type only in case: they have the same table.
func checkHeader(head header) error {
	resourceType := string(head.resourceType)
	switch {
	case head.resourceType == nil:
		return errors.New("resourceType is missing or not a string")
	case !fhir.R4().IsResourceType(resourceType):
		if err := checkCustomType(resourceType); err != nil {
			return err
		}
	}
	switch {
	case head.id == nil:
		return fmt.Errorf("%s: id is missing or not a string", resourceType)
	case !validID(head.id):
		return fmt.Errorf("%s: invalid id %.80q: must be 1 to %d letters, digits, '-' or '.'", resourceType, head.id, maxIDLength)
	}
	return nil
}

// checkCustomType checks a type that is not in R4.
func checkCustomType(resourceType string) error {
	if len(resourceType) > maxTypeLength || !typePattern.MatchString(resourceType) {
		return fmt.Errorf("invalid resourceType %.80q: must be at most %d letters, the first in upper case", resourceType, maxTypeLength)
	}
	for _, correct := range fhir.R4().ResourceTypes() {
		if strings.EqualFold(correct, resourceType) {
			return fmt.Errorf("invalid resourceType %q: did you mean %q?", resourceType, correct)
		}
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
