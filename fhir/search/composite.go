package search

import (
	"github.com/seed-90096f4d/sluice/fhir/search/params"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// compositeValue compiles one value of a composite parameter: the values of its
// parts, separated by dollar signs, which hold for one and the same thing at
// the element.
func compositeValue(element params.Element, modifier, text string) (predicate, error) {
	if modifier != "" {
		return predicate{}, unsupportedModifier(modifier, "none")
	}
	values := splitValues(text, '$')
	if count := element.Components[len(element.Components)-1].Number + 1; len(values) != count {
		return predicate{}, invalid("%q does not have %d parts, separated by $", text, count)
	}
	together := make([]predicate, len(values))
	for i, value := range values {
		if value == "" {
			return predicate{}, invalid("%q has an empty part", text)
		}
		part, err := partValue(element.Components, i, value)
		if err != nil {
			return predicate{}, err
		}
		together[i] = part
	}
	if len(element.Path) == 0 {
		return both(together), nil
	}
	return sqltext.New("EXISTS (SELECT FROM jsonb_path_query({root}, '{path}') AS c(v) WHERE {parts})", sqltext.Values{
		"path":  sqltext.Text(jsonPath(element.Path)),
		"parts": rootAt(both(together), "c.v"),
	}), nil
}

// partValue asks for the value of a part at any of the part's elements.
func partValue(parts []params.Component, number int, value string) (predicate, error) {
	var found []predicate
	var failure error
	for _, part := range parts {
		if part.Number != number {
			continue
		}
		here, err := elementValue(part.Type, part.Element, "", value)
		if err != nil {
			failure = err
			continue
		}
		found = append(found, here)
	}
	if len(found) == 0 {
		return predicate{}, failure
	}
	return either(found), nil
}
