package check

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// Clients checks whether the role can read what the scopes of clients allow: each type that
// a scope names, and each that has a table.
func (s *Survey) Clients(clients []auth.Client) []Finding {
	var findings []Finding
	for _, client := range clients {
		if client.Expired {
			continue
		}
		if beyond := s.beyond(client.Scopes); len(beyond) > 0 {
			findings = append(findings, Finding{Subject: ClientScopes, Level: Warning,
				Text: fmt.Sprintf("%s: the scopes allow what cannot be read: %s", client.ID, strings.Join(beyond, ", "))})
		}
	}
	switch {
	case len(clients) == 0:
		return []Finding{{Subject: ClientScopes, Level: Warning, Text: "there are none", Remedies: []string{"sluice client add my-client --scope 'system/*.rs'"}}}
	case len(findings) == 0:
		return []Finding{ok(ClientScopes, "what their scopes allow can be read")}
	}
	return findings
}

// beyond returns the resource types of scopes that cannot be read. The wildcard allows what
// there is: only types with a table count. ViewDefinitions are in the state database.
func (s *Survey) beyond(scopes auth.Scopes) (types []string) {
	named := scopes.Types()
	for _, resourceType := range s.types {
		if resourceType == auth.ViewDefinition || !scopes.AllowsType(resourceType, slices.Contains(fhir.R4().ResourceTypes(), resourceType)) {
			continue
		}
		fault := s.faults[resourceType]
		if fault != nil && (!errors.Is(fault, catalog.ErrNoTable) || slices.Contains(named, resourceType)) {
			types = append(types, resourceType)
		}
	}
	return types
}
