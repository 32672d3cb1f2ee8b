package api

import (
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
)

// maxElements is more than all types of FHIR have in common use.
const maxElements = 1000

// readElements reads _elements: the root elements to export, each as in
// Patient.name, or name for every type that has it (Bulk Data 3.0.0, "Query
// Parameters"). nil means all.
func readElements(params *parameters, types []string) ([]string, error) {
	given, ok := params.list("_elements")
	if !ok {
		return nil, nil
	}
	if len(given) > maxElements {
		return nil, tooMany("_elements", maxElements, "elements")
	}
	var elements []string
	for _, element := range given {
		switch err := checkElement(element, types); {
		case err != nil && params.forgive(err) != nil:
			return nil, err
		case err == nil && !slices.Contains(elements, element):
			elements = append(elements, element)
		}
	}
	return elements, nil
}

// checkElement wants the name of a root element of one of the types.
func checkElement(element string, types []string) error {
	resourceType, name, ofType := strings.Cut(element, ".")
	if !ofType {
		name = resourceType
	}
	switch {
	case strings.Contains(name, "."), ofType && resourceType != "" && resourceType[0] >= 'a' && resourceType[0] <= 'z':
		return invalid("_elements", "_elements names root elements alone, such as Patient.name or status, not %s", quote(element))
	case ofType && !slices.Contains(types, resourceType):
		return invalid("_elements", "_elements: %s is not among the resource types to export", quote(resourceType))
	case ofType:
		types = []string{resourceType}
	}
	if !slices.ContainsFunc(types, func(t string) bool { return fhir.R4().HasElement(t, name) }) {
		return invalid("_elements", "_elements: none of the resource types to export has the element %s", quote(element))
	}
	return nil
}
