package search

import (
	"github.com/seed-90096f4d/sluice/fhir/search/params"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// compositeValue compiles a value of a composite parameter: the values of its
// components, separated by dollar signs, all of which must match within one value of the
// element.
func compositeValue(element params.Element, modifier, text string) (predicate, error) {
	if modifier != "" {
		return predicate{}, unsupportedModifier(modifier, "none")
	}
	values := splitValues(text, '$')
	if count := element.Components[len(element.Components)-1].Number + 1; len(values) != count {
		return predicate{}, invalid("invalid value %q: must have %d components separated by $", text, count)
	}
	together := make([]predicate, len(values))
	for i, value := range values {
		if value == "" {
			return predicate{}, invalid("invalid value %q: empty component", text)
		}
		compiled, err := componentValue(element.Components, i, value)
		if err != nil {
			return predicate{}, err
		}
		together[i] = compiled
	}
	if len(element.Path) == 0 {
		return both(together), nil
	}
	return sqltext.New("EXISTS (SELECT FROM jsonb_path_query({root}, '{path}') AS c(v) WHERE {parts})", sqltext.Values{
		"path":  sqltext.Text(jsonPath(element.Path)),
		"parts": rootAt(both(together), "c.v"),
	}), nil
}

// componentValue matches the value of a component in any of its elements.
func componentValue(components []params.Component, number int, value string) (predicate, error) {
	var found []predicate
	var failure error
	for _, component := range components {
		if component.Number != number {
			continue
		}
		compiled, err := elementValue(component.Type, component.Element, "", value)
		if err != nil {
			failure = err
			continue
		}
		found = append(found, compiled)
	}
	if len(found) == 0 {
		return predicate{}, failure
	}
	return either(found), nil
}
