package fhir

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSearchTablesCoverage counts what the tables know, so that a change of it
// is seen: docs/search.md states the numbers.
func TestSearchTablesCoverage(t *testing.T) {
	t.Parallel()

	supported, unsupported := make(map[string]int), make(map[string]int)
	for _, parameters := range R4Search().parameters {
		for _, p := range parameters {
			if p.Unsupported != "" {
				require.Empty(t, p.Places, p.Definition)
				unsupported[p.Type]++
				continue
			}
			require.NotEmpty(t, p.Places, p.Definition)
			supported[p.Type]++
		}
	}
	require.Equal(t, map[string]int{
		"composite": 69, "date": 140, "number": 6, "quantity": 40, "reference": 515, "string": 193, "token": 671, "uri": 57,
	}, supported)
	require.Equal(t, map[string]int{"composite": 3, "reference": 2, "special": 1, "string": 8, "token": 1}, unsupported)
}

func TestSearchParameter(t *testing.T) {
	t.Parallel()

	birthDate, ok := R4Search().Parameter("Patient", "birthdate")
	require.True(t, ok)
	require.Equal(t, SearchParameter{
		Name: "birthdate", Type: "date", Definition: "http://hl7.org/fhir/SearchParameter/individual-birthdate",
		Places: []Place{{Path: Path{{Name: "birthDate"}}, Type: "date"}},
	}, birthDate)

	email, ok := R4Search().Parameter("Patient", "email")
	require.True(t, ok)
	require.Equal(t, []Place{{Path: Path{{Name: "telecom", Many: true, Member: "system", Value: "email"}}, Type: "ContactPoint"}}, email.Places)

	combo, ok := R4Search().Parameter("Observation", "combo-code-value-quantity")
	require.True(t, ok)
	require.Len(t, combo.Places, 2)
	require.Empty(t, combo.Places[0].Path)
	require.Equal(t, Place{
		Path: Path{{Name: "component", Many: true}}, Type: "Observation.component",
		Parts: []Part{
			{Number: 0, Type: "token", Place: Place{Path: Path{{Name: "code"}}, Type: "CodeableConcept"}},
			{Number: 1, Type: "quantity", Place: Place{Path: Path{{Name: "value"}, {Name: "Quantity"}}, Type: "Quantity"}},
		},
	}, combo.Places[1])

	_, ok = R4Search().Parameter("Binary", "_text")
	require.False(t, ok, "a Binary has no narrative")
	_, ok = R4Search().Parameter("Patient", "_id")
	require.True(t, ok)
	_, ok = R4Search().Parameter("Patient", "status")
	require.False(t, ok)
}

func TestCompartment(t *testing.T) {
	t.Parallel()

	types := R4Search().CompartmentTypes()
	require.Len(t, types, 66)
	require.NotContains(t, types, "Practitioner")
	require.Equal(t, []Path{
		{{Name: "subject", Target: "Patient"}}, {{Name: "performer", Many: true, Target: "Patient"}},
	}, R4Search().PatientPaths("Observation"))
	require.Equal(t, []Path{
		{{Name: "participant", Many: true}, {Name: "actor", Target: "Patient"}},
	}, R4Search().PatientPaths("Appointment"))
	require.Equal(t, []Path{
		{{Name: "link", Many: true}, {Name: "other", Target: "Patient"}},
	}, R4Search().PatientPaths("Patient"))
}

func TestParseSearchRefuses(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]string{
		"Patient\n  name string":                                 "line 2",
		"Patient\n    name string":                               "line 2",
		"Patient\n  a composite b\n    c D\n      x token e f\n": "line 4",
	} {
		_, err := parseSearch(text, "")
		require.ErrorContains(t, err, want)
	}
	for text, want := range map[string]string{
		"Patient link":           "no parameter link",
		"Patient birthdate":      "nothing leads",
		"Patient birthdate name": "no parameter name",
	} {
		_, err := parseSearch("Patient\n  birthdate date x\n    birthDate date\n", text)
		require.ErrorContains(t, err, want)
	}
}
