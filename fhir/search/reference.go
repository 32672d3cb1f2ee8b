package search

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
)

// A wantedReference is one value of a reference parameter: references of which an SQL
// expression, for the reference v, is a text.
type wantedReference struct {
	expression, text string

	// resourceTypes are those that the resource can be of, whose id is the text; there
	// are none if it can be of any, or the text is not an id.
	resourceTypes []string
}

// references compiles the values of a reference parameter for a place: of each, Type/id,
// a version of that, an id alone, or an absolute URL. A modifier is the type of the
// resource, or identifier.
func references(place fhir.Place, modifier string, values []string) (predicate, error) {
	if modifier == "identifier" || place.Type != "Reference" {
		return eachReference(place, modifier, values)
	}
	if modifier != "" && !fhir.R4().IsResourceType(modifier) {
		return nil, unsupportedModifier(modifier, "missing, identifier, and the name of a resource type")
	}
	var wanted []wantedReference
	for _, value := range values {
		one, ok, err := parseReference(place, modifier, unescape(value))
		if err != nil {
			return nil, err
		}
		if ok {
			wanted = append(wanted, one)
		}
	}
	return referencesTo(place.Path, wanted), nil
}

// eachReference compiles values that are compared one by one: identifiers of logical
// references, and canonical URLs.
func eachReference(place fhir.Place, modifier string, values []string) (predicate, error) {
	var found []predicate
	for _, value := range values {
		switch {
		case modifier == "identifier" && place.Type == "Reference":
			t, err := parseToken(value)
			if err != nil {
				return nil, err
			}
			found = append(found, identifierPredicate(place.Path, t))
		case modifier == "identifier":
			return nil, unsupported("a canonical URL has no identifier")
		case modifier != "" && !fhir.R4().IsResourceType(modifier):
			return nil, unsupportedModifier(modifier, "missing, identifier, and the name of a resource type")
		case modifier != "":
			return nil, unsupported("a canonical URL does not say of what type it is")
		default:
			found = append(found, canonical(place.Path, unescape(value)))
		}
	}
	return either(found), nil
}

// identifierPredicate finds a logical reference: by an identifier, and where the
// parameter is for one type of resource, by what the reference says of its type.
func identifierPredicate(path fhir.Path, t token) predicate {
	identifier := fhir.Path{{Name: "identifier"}}
	resourceType := path[len(path)-1].Target
	if resourceType == "" {
		return coded(below(path, "identifier"), t, "value")
	}
	return func(root string, args *arguments) string {
		return "EXISTS (SELECT FROM " + referencesAt(root, []fhir.Path{path}) + " WHERE " + coded(identifier, t, "value")("reference.v", args) +
			" AND (" + targetOfType("reference.v", resourceType) + " IS NOT NULL" +
			" OR '" + resourceType + "' IN (reference.v ->> 'type', reference.v ->> 'resourceType')))"
	}
}

// parseReference reads one value. ok is false if no reference at the place can be it.
func parseReference(place fhir.Place, resourceType, text string) (wanted wantedReference, ok bool, err error) {
	if strings.Contains(text, ":") {
		if resourceType != "" {
			return wanted, false, invalid("a URL does not go with a type: %q", text)
		}
		return wantedReference{literal("reference.v"), text, nil}, true, nil
	}
	kind, id, typed := strings.Cut(text, "/")
	if !typed {
		kind, id = resourceType, text
	}
	id, version, versioned := strings.Cut(id, "/_history/")
	only := place.Path[len(place.Path)-1].Target
	switch {
	case id == "" || strings.ContainsAny(id, "/#?") || versioned && (!typed || version == "" || strings.ContainsAny(version, "/#?")):
		return wanted, false, invalid("%q is neither Type/id, nor an id, nor a URL", text)
	case typed && !fhir.R4().IsResourceType(kind):
		return wanted, false, invalid("%q is not a resource type", kind)
	case typed && resourceType != "" && kind != resourceType:
		return wanted, false, invalid("%q is not a reference to a %s", text, resourceType)
	case kind != "" && only != "" && only != kind:
		return wanted, false, nil
	case versioned:
		return wantedReference{literal("reference.v"), text, nil}, true, nil
	case kind == "" && only == "":
		return wantedReference{targetOfTypes("reference.v", place.Targets), id, place.Targets}, true, nil
	}
	kind = cmp.Or(kind, only)
	return wantedReference{targetOfType("reference.v", kind), id, []string{kind}}, true, nil
}

// referencesTo finds references at the path that are one of those wanted. The texts
// that one expression is compared with are one argument.
func referencesTo(path fhir.Path, wanted []wantedReference) predicate {
	var expressions []wantedReference
	texts := make(map[string][]string)
	for _, one := range wanted {
		if texts[one.expression] == nil {
			expressions = append(expressions, one)
		}
		texts[one.expression] = append(texts[one.expression], one.text)
	}
	var found []predicate
	for _, one := range expressions {
		found = append(found, func(root string, args *arguments) string {
			list := args.bind(textArray(texts[one.expression]), "text[]")
			if args.indexed && len(one.resourceTypes) > 0 {
				return referencesByIndex(root, path, one.resourceTypes, list, len(texts[one.expression]))
			}
			return "EXISTS (SELECT FROM " + referencesAt(root, []fhir.Path{path}) + " WHERE " + one.expression + " = ANY (" + list + "))"
		})
	}
	if len(found) == 0 {
		return never
	}
	return either(found)
}

// referencesByIndex finds what referencesTo does, and some other documents, for the
// resources of some types whose ids are in a list.
func referencesByIndex(root string, path fhir.Path, resourceTypes []string, list string, count int) string {
	found := []string{mayNameVersion(root)}
	for i := range count {
		for _, resourceType := range resourceTypes {
			found = append(found, mayLeadTo(root, []fhir.Path{path}, resourceType, fmt.Sprintf("(%s)[%d]", list, i+1)))
		}
	}
	return "(" + strings.Join(found, " OR ") + ")"
}

// refersTo finds references to any resource of the type that the path is for.
func refersTo(path fhir.Path) predicate {
	return func(root string, _ *arguments) string {
		return "EXISTS (SELECT FROM " + referencesAt(root, []fhir.Path{path}) +
			" WHERE " + targetOfType("reference.v", path[len(path)-1].Target) + " IS NOT NULL)"
	}
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
