package search

import (
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
)

// referenceValue compiles one value of a reference parameter: Type/id, an id
// alone, or an absolute URL. A modifier is the type of the resource, or
// identifier.
func referenceValue(place fhir.Place, modifier, text string) (predicate, error) {
	switch {
	case modifier == "identifier":
		t, err := parseToken(text)
		if err != nil {
			return nil, err
		}
		if place.Type != "Reference" {
			return nil, unsupported("a canonical URL has no identifier")
		}
		return coded(below(place.Path, "identifier"), t, "value"), nil
	case modifier != "" && !fhir.R4().IsResourceType(modifier):
		return nil, unsupportedModifier(modifier, "missing, identifier, and the name of a resource type")
	case place.Type != "Reference":
		if modifier != "" {
			return nil, unsupported("a canonical URL does not say of what type it is")
		}
		return canonical(place.Path, unescape(text)), nil
	}
	return referencePredicate(place.Path, modifier, unescape(text))
}

// referencePredicate finds a reference as it is stored: the type and the id of
// the resource, or the URL of one elsewhere.
func referencePredicate(path fhir.Path, resourceType, text string) (predicate, error) {
	if strings.Contains(text, ":") {
		if resourceType != "" {
			return nil, invalid("a URL does not go with a type: %q", text)
		}
		// Fhirbase has it under id.
		return either([]predicate{
			contains(path, map[string]any{"uri": text}), contains(path, map[string]any{"id": text}),
		}), nil
	}
	kind, id, typed := strings.Cut(text, "/")
	if !typed {
		kind, id = resourceType, text
	}
	switch {
	case id == "" || strings.Contains(id, "/") || strings.HasPrefix(id, "#"):
		return nil, invalid("%q is neither Type/id, nor an id, nor a URL", text)
	case typed && !fhir.R4().IsResourceType(kind):
		return nil, invalid("%q is not a resource type", kind)
	case typed && resourceType != "" && kind != resourceType:
		return nil, invalid("%q is not a reference to a %s", text, resourceType)
	case kind == "":
		// An id alone could also be that of the element.
		return both([]predicate{
			contains(path, map[string]any{"id": id}),
			matches(path, `@."id" == $id && exists(@."resourceType")`, map[string]any{"id": id}),
		}), nil
	}
	if target := path[len(path)-1].Target; target != "" && target != kind {
		return never, nil
	}
	return contains(path, map[string]any{"resourceType": kind, "id": id}), nil
}

// canonical finds a canonical URL, with any version if none is asked for.
func canonical(path fhir.Path, url string) predicate {
	if strings.Contains(url, "|") {
		return contains(path, url)
	}
	return matches(path, `@ == $url || @ starts with $versioned`, map[string]any{"url": url, "versioned": url + "|"})
}

// never holds nowhere.
func never(string, *arguments) string { return "false" }
