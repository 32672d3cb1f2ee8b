package search

import (
	"strings"

	"github.com/seed-90096f4d/sluice/fhir/search/params"
)

// Values returns the values of a search parameter, which are separated by commas. A
// backslash escapes a comma or another separator.
func Values(text string) []string {
	values := splitValues(text, ',')
	for i, value := range values {
		values[i] = unescape(value)
	}
	return values
}

// Relative returns a query with relative references instead of those below a base URL
// without a slash at the end: Patient/p1 for https://example.org/fhir/Patient/p1.
// Canonical URLs remain unchanged.
func Relative(resourceType, query, base string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, value, err := decode(pair)
		if err != nil || !refersToResources(resourceType, name) {
			continue
		}
		values := splitValues(value, ',')
		for n, one := range values {
			if len(one) > len(base) && one[len(base)] == '/' && strings.EqualFold(one[:len(base)], base) {
				values[n] = one[len(base)+1:]
			}
		}
		if relative := strings.Join(values, ","); relative != value {
			pairs[i] = Encode(name, relative)
		}
	}
	return strings.Join(pairs, "&")
}

// refersToResources reports whether the values of a parameter are references to
// resources, and neither canonical URLs nor identifiers.
func refersToResources(resourceType, name string) bool {
	name, modifier, _ := strings.Cut(name, ":")
	p, ok := params.R4().Parameter(resourceType, name)
	if !ok || p.Type != "reference" || modifier == "identifier" || modifier == "missing" {
		return false
	}
	for _, element := range p.Elements {
		if element.Type != "Reference" {
			return false
		}
	}
	return true
}
