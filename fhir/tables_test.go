package fhir

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestR4(t *testing.T) {
	t.Parallel()

	types := R4().ResourceTypes()
	require.Len(t, types, 146)
	require.True(t, slices.IsSorted(types))
	require.True(t, R4().IsResourceType("Patient"))
	for _, name := range []string{"", "patient", "DomainResource", "Resource", "HumanName", "Patient.contact", "MetadataResource"} {
		require.False(t, R4().IsResourceType(name), name)
	}
}

// TestTablesCoverage counts the types and elements, so that a change is noticed:
// docs/format.md states the numbers.
func TestTablesCoverage(t *testing.T) {
	t.Parallel()

	kinds := make(map[string]int)
	elements, choices, options, references, resources := 0, 0, 0, 0, 0
	definitions, order, err := parseDefinitions(r4Text)
	require.NoError(t, err)
	for _, name := range order {
		kinds[definitions[name].kind]++
		for _, e := range definitions[name].elements {
			elements++
			if _, ok := e.choice(); ok {
				choices++
				options += len(e.types)
			}
			if slices.Contains(e.types, "Reference") {
				references++
			}
			if slices.Contains(e.types, "Resource") {
				resources++
			}
		}
	}
	require.Equal(t, map[string]int{"resource": 146, "datatype": 39, "backbone": 473, "abstract": 4}, kinds)
	require.Equal(t, []int{4733, 186, 987, 740, 4}, []int{elements, choices, options, references, resources})
}

// TestTablesNames checks that no option of a choice element has the name of another
// element, which would make one of them unreachable.
func TestTablesNames(t *testing.T) {
	t.Parallel()

	definitions, order, err := parseDefinitions(r4Text)
	require.NoError(t, err)
	for _, name := range order {
		seen := make(map[string]bool)
		for base := name; base != ""; base = definitions[base].base {
			for _, e := range definitions[base].elements {
				names := []string{e.name}
				if choice, ok := e.choice(); ok {
					names[0] = choice
					for _, option := range e.types {
						names = append(names, choice+strings.ToUpper(option[:1])+option[1:])
					}
				}
				for _, n := range names {
					require.False(t, seen[n], "%s.%s", name, n)
					seen[n] = true
					require.NotNil(t, R4().types[name].members.find([]byte(n)), "%s.%s", name, n)
				}
			}
		}
		require.Nil(t, R4().types[name].members.find([]byte("notAnElement")))
		require.Nil(t, R4().types[name].members.find(nil))
	}
}

func TestParseTablesRefuses(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]string{
		"  name string\n":              "line 1",
		"resource\n":                   "line 1",
		"resource A B\n":               "no base B",
		"resource A\n  name Unknown\n": "no type Unknown",
	} {
		_, err := parseTables(text)
		require.ErrorContains(t, err, want)
	}
}
