package search

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/fhir/search/params"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// wantedReference is a value of a reference parameter. It matches references for which
// the expression of its form equals the text.
type wantedReference struct {
	form referenceForm
	text string

	// resourceTypes are the possible types of the resource whose id is the text. Empty
	// means any type, or that the text is not an id.
	resourceTypes []string
}

// referenceForm is the part of a reference that a text is compared with.
type referenceForm int

const (
	literalForm referenceForm = iota // the whole reference
	typeForm                         // the id of a resource of one type
	typesForm                        // the id of a resource of one of the types, or of any
)

// isComparedLike reports whether both are compared with the same expression.
func (w wantedReference) isComparedLike(other wantedReference) bool {
	return w.form == other.form && slices.Equal(w.resourceTypes, other.resourceTypes)
}

func (w wantedReference) expression() sqltext.Fragment {
	switch w.form {
	case typeForm:
		return targetOfType("reference.v", w.resourceTypes[0])
	case typesForm:
		return targetOfTypes("reference.v", w.resourceTypes)
	}
	return literal("reference.v")
}

// references compiles the values of a reference parameter for an element. Each is
// Type/id, Type/id/_history/version, an id or an absolute URL. The modifier is the type of
// the resource, or identifier. With indexed, an index serves the predicate.
func references(element params.Element, modifier string, values []string, indexed bool) (predicate, error) {
	if modifier == "identifier" || element.Type != "Reference" {
		return eachReference(element, modifier, values)
	}
	if modifier != "" && !fhir.R4().IsResourceType(modifier) {
		return predicate{}, unsupportedModifier(modifier, "missing, identifier, and the name of a resource type")
	}
	var wanted []wantedReference
	for _, value := range values {
		one, ok, err := parseReference(element, modifier, unescape(value))
		if err != nil {
			return predicate{}, err
		}
		if ok {
			wanted = append(wanted, one)
		}
	}
	return referencesTo(element.Path, wanted, indexed), nil
}

// eachReference compiles values that are compared separately: identifiers of logical
// references, and canonical URLs.
func eachReference(element params.Element, modifier string, values []string) (predicate, error) {
	var found []predicate
	for _, value := range values {
		switch {
		case modifier == "identifier" && element.Type == "Reference":
			t, err := parseToken(value)
			if err != nil {
				return predicate{}, err
			}
			found = append(found, identifierPredicate(element.Path, t))
		case modifier == "identifier":
			return predicate{}, unsupported("the modifier identifier is not supported for canonical URLs")
		case modifier != "" && !fhir.R4().IsResourceType(modifier):
			return predicate{}, unsupportedModifier(modifier, "missing, identifier, and the name of a resource type")
		case modifier != "":
			return predicate{}, unsupported("a resource type as modifier is not supported for canonical URLs")
		default:
			found = append(found, canonical(element.Path, unescape(value)))
		}
	}
	return either(found), nil
}

// identifierPredicate matches a logical reference by its identifier and, if the
// parameter is for one resource type, by its type.
func identifierPredicate(path params.Path, t token) predicate {
	identifier := params.Path{{Name: "identifier"}}
	resourceType := path[len(path)-1].Target
	if resourceType == "" {
		return coded(below(path, "identifier"), t, "value")
	}
	return sqltext.New(identifierSQL, sqltext.Values{
		"references": referencesAt(path),
		"identifier": rootAt(coded(identifier, t, "value"), "reference.v"),
		"target":     targetOfType("reference.v", resourceType),
		"type":       sqltext.Text(resourceType),
	})
}

const identifierSQL = `EXISTS (SELECT FROM {references} WHERE {identifier}
	AND ({target} IS NOT NULL OR '{type}' IN (reference.v ->> 'type', reference.v ->> 'resourceType')))`

// parseReference parses a value. ok is false if no reference in the element can match.
func parseReference(element params.Element, resourceType, text string) (wanted wantedReference, ok bool, err error) {
	if strings.Contains(text, ":") {
		if resourceType != "" {
			return wanted, false, invalid("invalid reference %q: a URL cannot be combined with a resource type", text)
		}
		return wantedReference{literalForm, text, nil}, true, nil
	}
	kind, id, typed := strings.Cut(text, "/")
	if !typed {
		kind, id = resourceType, text
	}
	id, version, versioned := strings.Cut(id, "/_history/")
	only := element.Path[len(element.Path)-1].Target
	switch {
	case id == "" || strings.ContainsAny(id, "/#?") || versioned && (!typed || version == "" || strings.ContainsAny(version, "/#?")):
		return wanted, false, invalid("invalid reference %q: must be Type/id, an id or a URL", text)
	case typed && !fhir.R4().IsResourceType(kind):
		return wanted, false, invalid("unknown resource type %q", kind)
	case typed && resourceType != "" && kind != resourceType:
		return wanted, false, invalid("invalid reference %q: must refer to a %s", text, resourceType)
	case kind != "" && only != "" && only != kind:
		return wanted, false, nil
	case versioned:
		return wantedReference{literalForm, text, nil}, true, nil
	case kind == "" && only == "":
		return wantedReference{typesForm, id, element.Targets}, true, nil
	}
	kind = cmp.Or(kind, only)
	return wantedReference{typeForm, id, []string{kind}}, true, nil
}

// referencesTo matches any of the references at the path. The texts that are compared
// with the same expression are one argument. With indexed, it also matches other
// documents.
func referencesTo(path params.Path, wanted []wantedReference, indexed bool) predicate {
	var found []predicate
	for len(wanted) > 0 {
		first := wanted[0]
		var texts []string
		var others []wantedReference
		for _, w := range wanted {
			if w.isComparedLike(first) {
				texts = append(texts, w.text)
			} else {
				others = append(others, w)
			}
		}
		wanted = others
		if indexed && len(first.resourceTypes) > 0 {
			found = append(found, referencesByIndex(path, first.resourceTypes, texts))
			continue
		}
		found = append(found, sqltext.New("EXISTS (SELECT FROM {references} WHERE {expression} = ANY ({texts}))", sqltext.Values{
			"references": referencesAt(path),
			"expression": first.expression(),
			"texts":      textArray(texts),
		}))
	}
	if len(found) == 0 {
		return never
	}
	return either(found)
}

// referencesByIndex matches references to the resources of some types with these ids,
// and some other documents.
func referencesByIndex(path params.Path, resourceTypes, ids []string) predicate {
	list := textArray(ids)
	found := []predicate{mayHaveVersion}
	for i := range ids {
		id := sqltext.New("({list})[{i}]", sqltext.Values{"list": list, "i": sqltext.Text(strconv.Itoa(i + 1))})
		for _, resourceType := range resourceTypes {
			found = append(found, mayReferTo([]params.Path{path}, resourceType, id))
		}
	}
	return either(found)
}

// refersTo matches references to any resource of the type of the path's target.
func refersTo(path params.Path) predicate {
	return sqltext.New("EXISTS (SELECT FROM {references} WHERE {target} IS NOT NULL)", sqltext.Values{
		"references": referencesAt(path),
		"target":     targetOfType("reference.v", path[len(path)-1].Target),
	})
}

// canonical matches a canonical URL, of any version unless the search has one.
func canonical(path params.Path, url string) predicate {
	if strings.Contains(url, "|") {
		return contains(path, url)
	}
	return matches(path, `@ == $url || @ starts with $versioned`, map[string]any{"url": url, "versioned": url + "|"})
}

// never matches no document.
var never = sqltext.Text("false")
