package endpoint

import (
	"slices"

	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
)

// ResourceTypes are the resource types of FHIR.
type ResourceTypes []string

// Has reports whether FHIR defines the resource type.
func (r ResourceTypes) Has(resourceType string) bool { return slices.Contains(r, resourceType) }

// Allow refuses a resource type that the client's scopes do not cover. parameter
// is the name of the parameter that contains the type, or empty.
func (r ResourceTypes) Allow(client auth.Client, parameter, resourceType string) error {
	if client.Scopes.AllowsType(resourceType, r.Has(resourceType)) {
		return nil
	}
	return problem.Forbidden(parameter, "the client's scopes do not cover "+resourceType)
}

// AllowGroup refuses a client that is restricted to other Groups. An empty id
// stands for data of all patients.
func AllowGroup(client auth.Client, id string) error {
	switch {
	case client.Groups == nil || id != "" && client.AllowsGroup(id):
		return nil
	case id == "":
		return problem.Forbidden("", "the client is restricted to exports of certain Groups")
	}
	return problem.Forbidden("", "the client has no permission for this Group")
}
