package auth

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Scopes are SMART scopes of the context system (SMART App Launch 2.0, "Scopes
// for requesting FHIR Resources"). The zero value allows nothing.
type Scopes struct {
	texts []string          // as given, without duplicates
	all   Rights            // of the wildcard
	types map[string]Rights // by resource type
	bound *Scopes           // unless nil, these must allow a type too
}

// Rights is a set of permissions of a scope, the letters of SMART 2.
type Rights uint8

// The rights.
const (
	Create Rights = 1 << iota // c
	Read                      // r
	Update                    // u
	Delete                    // d
	Search                    // s

	// export is required to export a type: that is a search over the type and a
	// read of everything it finds.
	export = Read | Search
)

// letters are the letters of the rights, in the order of their bits.
const letters = "cruds"

// ViewDefinition is the only resource type that clients can change. The rights to
// create, update and delete others have no effect and are not granted.
const ViewDefinition = "ViewDefinition"

// wildcard is any resource type of FHIR in a scope.
const wildcard = "*"

// permissions maps permissions of SMART 1 to SMART 2 (SMART App
// Launch 2.0, "Scopes for requesting FHIR Resources", compatibility with v1).
var permissions = map[string]string{"read": "rs", "write": "cud", "*": "cruds"}

var (
	scopePattern = regexp.MustCompile(`^system/(\*|[A-Z][A-Za-z0-9_]{0,63})\.([a-z*]+)$`)

	// interactions is the rule of SMART 2: each letter at most once, in this order.
	interactions = regexp.MustCompile(`^c?r?u?d?s?$`)
)

// ParseScopes parses scopes such as system/*.rs, system/Patient.rs and
// system/Patient.cruds (SMART 2), system/Patient.read and system/*.* (SMART 1).
// Scopes are cumulative: r in one scope and s in another grant both.
//
// The error is ErrInvalidScope for a scope of another context (patient/, user/,
// launch), with an unknown permission, or with search parameters
// (system/Observation.rs?category=…): granting less than it says would be wrong
// for the client, granting more wrong for the patient.
func ParseScopes(texts []string) (Scopes, error) {
	scopes := Scopes{types: map[string]Rights{}}
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

func parseScope(text string) (resourceType string, granted Rights, err error) {
	if strings.Contains(text, "?") {
		return "", 0, fmt.Errorf("%w %q: scopes with search parameters are not supported", ErrInvalidScope, text)
	}
	match := scopePattern.FindStringSubmatch(text)
	if match == nil {
		return "", 0, fmt.Errorf("%w %q: must have the form system/*.rs or system/Patient.rs", ErrInvalidScope, text)
	}

	permission, v1 := permissions[match[2]]
	if !v1 {
		permission = match[2]
	}
	if !interactions.MatchString(permission) {
		return "", 0, fmt.Errorf("%w %q: permissions must be letters of cruds in this order, or read, write, *", ErrInvalidScope, text)
	}
	granted = rightsOf(permission)
	if match[1] != wildcard && match[1] != ViewDefinition {
		granted &= export
	}
	return match[1], granted, nil
}

// AllowsType reports whether all resources of a type may be exported, which
// requires r and s. The wildcard covers the resource types of FHIR, those with
// standard true. Other types must be named: Aidbox keeps its own clients, users
// and sessions in tables of the same kind, secrets included, and "all FHIR data"
// does not mean those.
func (s Scopes) AllowsType(resourceType string, standard bool) bool {
	return s.allows(resourceType, standard, export)
}

// AllowsViews reports whether the rights to ViewDefinitions are granted. The wildcard
// covers these as it covers the types of FHIR.
func (s Scopes) AllowsViews(want Rights) bool {
	return s.allows(ViewDefinition, true, want)
}

func (s Scopes) allows(resourceType string, standard bool, want Rights) bool {
	if s.bound != nil && !s.bound.allows(resourceType, standard, want) {
		return false
	}
	return s.granted(resourceType, standard)&want == want
}

// granted returns the rights to a resource type.
func (s Scopes) granted(resourceType string, standard bool) Rights {
	granted := s.types[resourceType]
	if standard {
		granted |= s.all
	}
	return granted
}

// AllowsAny reports whether any type may be exported, or ViewDefinitions read or
// changed by a scope that names them.
func (s Scopes) AllowsAny() bool {
	for resourceType := range s.types {
		if s.AllowsType(resourceType, true) {
			return true
		}
	}
	return s.all&export == export || s.types[ViewDefinition] != 0
}

// Types returns the resource types that scopes name, in alphabetical order.
func (s Scopes) Types() []string { return slices.Sorted(maps.Keys(s.types)) }

// Strings returns the scopes as they were given, in order and without duplicates.
func (s Scopes) Strings() []string {
	return slices.Clone(s.texts)
}

// String returns the scopes separated by spaces, as in OAuth.
func (s Scopes) String() string {
	return strings.Join(s.texts, " ")
}

// Within returns the same scopes, but they allow no type that bound does not
// allow. It limits the scopes of a token to what its client still has.
func (s Scopes) Within(bound Scopes) Scopes {
	s.bound = &bound
	return s
}

// Grant returns the requested scopes as far as s covers them. They are separated
// by spaces, as in OAuth; those that are not supported grant nothing (RFC 6749,
// 3.3, allows a server to ignore them). standard reports whether a resource type
// is one of FHIR: the wildcard covers only those, and ViewDefinition.
//
// Scopes that are requested in the form of SMART 1 are returned in that form.
func (s Scopes) Grant(requested string, standard func(resourceType string) bool) Scopes {
	covered := func(resourceType string) bool { return resourceType == ViewDefinition || standard(resourceType) }
	var texts []string
	for text := range strings.FieldsSeq(requested) {
		resourceType, want, err := parseScope(text)
		if err != nil {
			continue
		}
		if resourceType != wildcard {
			texts = append(texts, scopeText(text, resourceType, want&s.granted(resourceType, covered(resourceType)))...)
			continue
		}
		texts = append(texts, scopeText(text, wildcard, want&s.all)...)
		for _, named := range slices.Sorted(maps.Keys(s.types)) {
			if extra := want & s.types[named]; covered(named) && extra&^s.all != 0 {
				texts = append(texts, scopeText(text, named, extra)...)
			}
		}
	}
	granted, err := ParseScopes(texts)
	if err != nil {
		panic(err) // scopeText returns what parseScope parses
	}
	return granted
}

// scopeText returns the scope with these rights, in the form of the requested one;
// none if there are no rights.
func scopeText(requested, resourceType string, granted Rights) []string {
	if granted == 0 {
		return nil
	}
	_, form, _ := strings.Cut(requested, ".")
	if letters, v1 := permissions[form]; v1 && form != wildcard && rightsOf(letters) == granted {
		return []string{"system/" + resourceType + "." + form}
	}
	permission := ""
	for i, letter := range letters {
		if granted&(1<<i) != 0 {
			permission += string(letter)
		}
	}
	return []string{"system/" + resourceType + "." + permission}
}

// rightsOf returns the rights of letters of SMART 2.
func rightsOf(permission string) (granted Rights) {
	for i, letter := range letters {
		if strings.ContainsRune(permission, letter) {
			granted |= 1 << i
		}
	}
	return granted
}
