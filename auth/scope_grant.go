package auth

import (
	"maps"
	"slices"
	"strings"
)

// Within returns the same scopes, but they allow no type that bound does not
// allow. It limits the scopes of a token to what its client still has.
func (s Scopes) Within(bound Scopes) Scopes {
	s.bound = &bound
	return s
}

// Grant returns the requested scopes as far as s covers them. They are separated
// by spaces, as in OAuth; those that are not supported grant nothing (RFC 6749,
// 3.3, allows a server to ignore them). standard reports whether a resource type
// is one of FHIR: the wildcard covers only those.
//
// Scopes that are requested in the form of SMART 1 are returned in that form.
func (s Scopes) Grant(requested string, standard func(resourceType string) bool) Scopes {
	var texts []string
	for text := range strings.FieldsSeq(requested) {
		resourceType, want, err := parseScope(text)
		if err != nil {
			continue
		}
		if resourceType != wildcard {
			texts = append(texts, scopeText(text, resourceType, want&s.granted(resourceType, standard(resourceType)))...)
			continue
		}
		texts = append(texts, scopeText(text, wildcard, want&s.all)...)
		for _, named := range slices.Sorted(maps.Keys(s.types)) {
			if extra := want & s.types[named]; standard(named) && extra&^s.all != 0 {
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
func scopeText(requested, resourceType string, granted rights) []string {
	letters := ""
	if granted&read != 0 {
		letters += "r"
	}
	if granted&search != 0 {
		letters += "s"
	}
	if letters == "" {
		return nil
	}
	if granted == export && strings.HasSuffix(requested, ".read") {
		letters = "read"
	}
	return []string{"system/" + resourceType + "." + letters}
}
