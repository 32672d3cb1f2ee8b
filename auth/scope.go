package auth

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Scopes is what a client may take: SMART scopes of the context system
// (SMART App Launch 2.0, "Scopes for requesting FHIR Resources"). The zero
// value allows nothing.
type Scopes struct {
	texts []string          // as they were given, each once
	all   rights            // of the wildcard
	types map[string]rights // of each type that is named
	bound *Scopes           // what these can't go beyond, if set
}

// rights are the permissions of a scope that matter to an export.
type rights uint8

const (
	read   rights = 1 << iota // r
	search                    // s

	// export is what taking a whole type needs: it is both a search over the
	// type and a read of all it finds.
	export = read | search
)

// wildcard stands for any resource type in a scope.
const wildcard = "*"

// permissions maps the permissions of SMART 1 to those of SMART 2 (SMART App
// Launch 2.0, "Scopes for requesting FHIR Resources", compatibility with v1).
var permissions = map[string]string{"read": "rs", "write": "cud", "*": "cruds"}

var (
	scopePattern = regexp.MustCompile(`^system/(\*|[A-Z][A-Za-z0-9_]{0,63})\.([a-z*]+)$`)

	// interactions is SMART 2's rule: each letter at most once, in this order.
	interactions = regexp.MustCompile(`^c?r?u?d?s?$`)
)

// ParseScopes reads scopes such as system/*.rs, system/Patient.rs and
// system/Patient.cruds (SMART 2), system/Patient.read and system/*.* (SMART 1).
// Scopes add up: r in one and s in another are both.
//
// A scope of another context (patient/, user/, launch), with an unknown
// permission, or narrowed by a search (system/Observation.rs?category=…) is
// refused with ErrInvalidScope and its name: to grant less than it says would
// be wrong for the client, to grant more wrong for the patient.
func ParseScopes(texts []string) (Scopes, error) {
	scopes := Scopes{types: map[string]rights{}}
	for _, text := range texts {
		resourceType, granted, err := parseScope(text)
		if err != nil {
			return Scopes{}, err
		}
		if !slices.Contains(scopes.texts, text) {
			scopes.texts = append(scopes.texts, text)
		}
		if resourceType == wildcard {
			scopes.all |= granted
		} else {
			scopes.types[resourceType] |= granted
		}
	}
	return scopes, nil
}

// parseScope reads one scope.
func parseScope(text string) (resourceType string, granted rights, err error) {
	if strings.Contains(text, "?") {
		return "", 0, fmt.Errorf("%w %q: scopes narrowed by a search are not supported", ErrInvalidScope, text)
	}
	match := scopePattern.FindStringSubmatch(text)
	if match == nil {
		return "", 0, fmt.Errorf("%w %q: a scope looks like system/*.rs or system/Patient.rs", ErrInvalidScope, text)
	}

	letters, v1 := permissions[match[2]]
	if !v1 {
		letters = match[2]
	}
	if !interactions.MatchString(letters) {
		return "", 0, fmt.Errorf("%w %q: permissions are letters of cruds in this order, or read, write, *", ErrInvalidScope, text)
	}
	if strings.Contains(letters, "r") {
		granted |= read
	}
	if strings.Contains(letters, "s") {
		granted |= search
	}
	return match[1], granted, nil
}

// AllowsType reports whether the whole of a resource type may be taken, for
// which r and s are needed. The wildcard covers the resource types of FHIR,
// that is those with standard true. A type that is not FHIR's must be named:
// Aidbox keeps its own clients, users and sessions in tables of the same kind,
// secrets included, and "all FHIR data" does not mean those.
func (s Scopes) AllowsType(resourceType string, standard bool) bool {
	if s.bound != nil && !s.bound.AllowsType(resourceType, standard) {
		return false
	}
	return s.granted(resourceType, standard)&export == export
}

// granted returns the rights to a resource type.
func (s Scopes) granted(resourceType string, standard bool) rights {
	granted := s.types[resourceType]
	if standard {
		granted |= s.all
	}
	return granted
}

// allowsAny reports whether there is a type that may be taken.
func (s Scopes) allowsAny() bool {
	for resourceType := range s.types {
		if s.AllowsType(resourceType, true) {
			return true
		}
	}
	return s.all&export == export
}

// Strings returns the scopes as they were given, each once, in their order.
func (s Scopes) Strings() []string {
	return slices.Clone(s.texts)
}

// String returns the scopes as OAuth writes them: with a space between.
func (s Scopes) String() string {
	return strings.Join(s.texts, " ")
}
