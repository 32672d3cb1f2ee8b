package search

import (
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
)

// uriValue compiles one value of a uri parameter: the URI itself; with a
// modifier those below it (it and what follows it after a slash) or above it.
func uriValue(place fhir.Place, modifier, text string) (predicate, error) {
	text = unescape(text)
	if modifier == "" {
		return contains(place.Path, text), nil
	}
	if strings.HasPrefix(text, "urn:") {
		return predicate{}, invalid("%q has no path to be above or below", text)
	}
	switch modifier {
	case "below":
		return matches(place.Path, `@ == $uri || @ starts with $below`,
			map[string]any{"uri": text, "below": strings.TrimSuffix(text, "/") + "/"}), nil
	case "above":
		return anyText([]fhir.Path{place.Path}, `(t.v = {text} OR starts_with({text}, rtrim(t.v, '/') || '/'))`, text), nil
	}
	return predicate{}, unsupportedModifier(modifier, "missing, above, below")
}
