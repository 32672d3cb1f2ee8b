package auth

import (
	"maps"
	"slices"
	"strings"
)

// Within returns the same scopes, allowing no type that bound does not allow
// too: what a token says, under what its client may do by now.
func (s Scopes) Within(bound Scopes) Scopes {
	s.bound = &bound
	return s
}

// Narrow returns what is both asked for and granted. asked holds scopes with
// spaces between, as OAuth writes them; those that are not understood grant
// nothing (RFC 6749, 3.3, lets a server ignore them). standard tells whether
// FHIR knows a resource type: the wildcard means those alone.
//
// Who asks in the words of SMART 1 is answered in them.
func (s Scopes) Narrow(asked string, standard func(resourceType string) bool) Scopes {
	var texts []string
	for text := range strings.FieldsSeq(asked) {
		resourceType, wanted, err := parseScope(text)
		if err != nil {
			continue
		}
		if resourceType != wildcard {
			texts = append(texts, scopeText(text, resourceType, wanted&s.granted(resourceType, standard(resourceType)))...)
			continue
		}
		texts = append(texts, scopeText(text, wildcard, wanted&s.all)...)
		for _, named := range slices.Sorted(maps.Keys(s.types)) {
			if extra := wanted & s.types[named]; standard(named) && extra&^s.all != 0 {
				texts = append(texts, scopeText(text, named, extra)...)
			}
		}
	}
	narrowed, err := ParseScopes(texts)
	if err != nil {
		panic(err) // scopeText writes what parseScope reads
	}
	return narrowed
}

// scopeText writes the scope for these rights, or none if there are none.
func scopeText(asked, resourceType string, granted rights) []string {
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
	if granted == export && strings.HasSuffix(asked, ".read") {
		letters = "read"
	}
	return []string{"system/" + resourceType + "." + letters}
}
