package bulk

import (
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/fhir"
)

// maxElements is more than the elements that FHIR's types have in common use.
const maxElements = 1000

// parseElements parses _elements: the root elements to export, such as
// Patient.name, or name for every type that has it (Bulk Data 3.0.0, "Query
// Parameters").
func (b *requestBuilder) parseElements() error {
	elements, ok := b.params.List("_elements")
	if !ok {
		return nil
	}
	if len(elements) > maxElements {
		return b.params.Refuse(problem.TooMany("_elements", maxElements, "elements"))
	}
	for _, element := range elements {
		if err := checkElement(element, b.request.Types); err != nil {
			_ = b.params.Forgive(err)
		} else if !slices.Contains(b.request.Elements, element) {
			b.request.Elements = append(b.request.Elements, element)
		}
	}
	return nil
}

// checkElement requires the name of a root element of one of the types.
func checkElement(element string, types []string) error {
	resourceType, name, typed := strings.Cut(element, ".")
	if !typed {
		name = resourceType
	}
	switch {
	case strings.Contains(name, "."), typed && resourceType != "" && resourceType[0] >= 'a' && resourceType[0] <= 'z':
		return problem.Invalid("_elements", "_elements must contain root elements only, such as Patient.name or status, got %s", problem.Quote(element))
	case typed && !slices.Contains(types, resourceType):
		return problem.Invalid("_elements", "_elements: %s is not among the resource types to export", problem.Quote(resourceType))
	case typed:
		types = []string{resourceType}
	}
	if !slices.ContainsFunc(types, func(t string) bool { return fhir.R4().HasElement(t, name) }) {
		return problem.Invalid("_elements", "_elements: none of the resource types to export has the element %s", problem.Quote(element))
	}
	return nil
}
