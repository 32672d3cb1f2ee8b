package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTablesAreCurrent runs the generator again and fails on a difference to
// the tables in the repository. Without npm or its registry it is skipped.
func TestTablesAreCurrent(t *testing.T) {
	t.Parallel()

	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("no npm")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := exec.CommandContext(ctx, "npm", "view", npmPackage, "version").Run(); err != nil {
		t.Skipf("the npm registry does not answer: %v", err)
	}

	contents, err := fetch(ctx)
	require.NoError(t, err)
	texts, err := generate(contents)
	require.NoError(t, err)
	for name, got := range texts {
		want, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "run go generate ./fhir")
	}
}

func TestCheckRefusesOtherDefinitions(t *testing.T) {
	t.Parallel()

	contents := make(map[string][]byte)
	for name := range checksums {
		contents[name] = []byte("{}")
	}
	require.ErrorContains(t, check(contents), "has sha256 44136fa3")
	require.ErrorContains(t, check(nil), "is not in the package")
}

func TestTables(t *testing.T) {
	t.Parallel()

	const bundle = `{"entry": [
		{"resource": {"resourceType": "OperationDefinition", "type": true}},
		{"resource": {"resourceType": "StructureDefinition", "kind": "primitive-type", "type": "code", "fhirVersion": "4.0.1"}},
		{"resource": {"resourceType": "StructureDefinition", "kind": "resource", "type": "Newer", "fhirVersion": "4.3.0"}},
		{"resource": {"resourceType": "StructureDefinition", "kind": "resource", "type": "Thing", "fhirVersion": "4.0.1",
			"derivation": "specialization", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/DomainResource",
			"snapshot": {"element": [
				{"path": "Thing", "max": "*", "base": {"path": "Thing"}},
				{"path": "Thing.id", "max": "1", "base": {"path": "Resource.id"}, "type": [{"code": "http://hl7.org/fhirpath/System.String"}]},
				{"path": "Thing.value[x]", "max": "1", "base": {"path": "Thing.value[x]"}, "type": [{"code": "string"}, {"code": "Quantity"}]},
				{"path": "Thing.part", "max": "*", "base": {"path": "Thing.part"}, "type": [{"code": "BackboneElement"}]},
				{"path": "Thing.part.name", "max": "1", "base": {"path": "Thing.part.name"}, "type": [{"code": "string"}]},
				{"path": "Thing.part.part", "max": "*", "base": {"path": "Thing.part.part"}, "contentReference": "#Thing.part"}
			]}}}
	]}`
	all, err := definitions([]byte(bundle))
	require.NoError(t, err)
	got := tables(all)
	require.Contains(t, string(got), `

resource Thing DomainResource
  value[x] string Quantity
  part* Thing.part
backbone Thing.part BackboneElement
  name string
  part* Thing.part
`)
	require.NotContains(t, string(got), "Newer")
	require.NotContains(t, string(got), "Thing.id")
}
