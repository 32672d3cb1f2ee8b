package search

import "github.com/seed-90096f4d/sluice/fhir"

// Parameter is a search parameter that Parse knows for a resource type.
type Parameter struct {
	// Name is what a query calls it: "birthdate".
	Name string

	// Type is what FHIR calls its type: number, date, string, token, reference,
	// composite, quantity or uri.
	Type string

	// Definition is the canonical URL of its SearchParameter.
	Definition string
}

// Supported returns the parameters that Parse accepts for a resource type,
// sorted by name: those of the type itself and those of every resource.
func Supported(resourceType string) []Parameter {
	var all []Parameter
	for _, p := range fhir.R4Search().Parameters(resourceType) {
		if p.Unsupported == "" {
			all = append(all, Parameter{p.Name, p.Type, p.Definition})
		}
	}
	return all
}
