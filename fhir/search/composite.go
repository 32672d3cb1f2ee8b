package search

import "github.com/seed-90096f4d/sluice/fhir"

// compositeValue compiles one value of a composite parameter: the values of its
// parts, separated by dollar signs, which hold for one and the same thing at
// the place.
func compositeValue(place fhir.Place, modifier, text string) (predicate, error) {
	if modifier != "" {
		return nil, unsupportedModifier(modifier, "none")
	}
	values := splitValues(text, '$')
	if count := place.Parts[len(place.Parts)-1].Number + 1; len(values) != count {
		return nil, invalid("%q does not have %d parts, separated by $", text, count)
	}
	together := make([]predicate, len(values))
	for i, value := range values {
		if value == "" {
			return nil, invalid("%q has an empty part", text)
		}
		part, err := partValue(place.Parts, i, value)
		if err != nil {
			return nil, err
		}
		together[i] = part
	}
	if len(place.Path) == 0 {
		return both(together), nil
	}
	path, all := jsonPath(place.Path), both(together)
	return func(root string, args *arguments) string {
		return "EXISTS (SELECT FROM jsonb_path_query(" + root + ", '" + path + "') AS c(v) WHERE " + all("c.v", args) + ")"
	}, nil
}

// partValue asks for the value of a part at any of the part's places.
func partValue(parts []fhir.Part, number int, value string) (predicate, error) {
	var found []predicate
	var failure error
	for _, part := range parts {
		if part.Number != number {
			continue
		}
		here, err := placeValue(part.Type, part.Place, "", value)
		if err != nil {
			failure = err
			continue
		}
		found = append(found, here)
	}
	if len(found) == 0 {
		return nil, failure
	}
	return either(found), nil
}
