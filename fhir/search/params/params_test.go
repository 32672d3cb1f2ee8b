package params

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTablesCoverage counts what the tables know, so that a change of it
// is seen: docs/search.md states the numbers.
func TestTablesCoverage(t *testing.T) {
	t.Parallel()

	supported, unsupported := make(map[string]int), make(map[string]int)
	for _, parameters := range R4().parameters {
		for _, p := range parameters {
			if p.Unsupported != "" {
				require.Empty(t, p.Elements, p.Definition)
				unsupported[p.Type]++
				continue
			}
			require.NotEmpty(t, p.Elements, p.Definition)
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

	birthDate, ok := R4().Parameter("Patient", "birthdate")
	require.True(t, ok)
	require.Equal(t, Parameter{
		Name: "birthdate", Type: "date", Definition: "http://hl7.org/fhir/SearchParameter/individual-birthdate",
		Elements: []Element{{Path: Path{{Name: "birthDate"}}, Type: "date"}},
	}, birthDate)

	email, ok := R4().Parameter("Patient", "email")
	require.True(t, ok)
	require.Equal(t, []Element{{Path: Path{{Name: "telecom", Many: true, Member: "system", Value: "email"}}, Type: "ContactPoint"}}, email.Elements)

	combo, ok := R4().Parameter("Observation", "combo-code-value-quantity")
	require.True(t, ok)
	require.Len(t, combo.Elements, 2)
	require.Empty(t, combo.Elements[0].Path)
	require.Equal(t, Element{
		Path: Path{{Name: "component", Many: true}}, Type: "Observation.component",
		Components: []Component{
			{Number: 0, Type: "token", Element: Element{Path: Path{{Name: "code"}}, Type: "CodeableConcept"}},
			{Number: 1, Type: "quantity", Element: Element{Path: Path{{Name: "value"}, {Name: "Quantity"}}, Type: "Quantity"}},
		},
	}, combo.Elements[1])

	_, ok = R4().Parameter("Binary", "_text")
	require.False(t, ok, "a Binary has no narrative")
	_, ok = R4().Parameter("Patient", "_id")
	require.True(t, ok)
	_, ok = R4().Parameter("Patient", "status")
	require.False(t, ok)
}

func TestCompartment(t *testing.T) {
	t.Parallel()

	types := R4().CompartmentTypes()
	require.Len(t, types, 66)
	require.NotContains(t, types, "Practitioner")
	require.Equal(t, []Path{
		{{Name: "subject", Target: "Patient"}}, {{Name: "performer", Many: true, Target: "Patient"}},
	}, R4().PatientPaths("Observation"))
	require.Equal(t, []Path{
		{{Name: "participant", Many: true}, {Name: "actor", Target: "Patient"}},
	}, R4().PatientPaths("Appointment"))
	require.Equal(t, []Path{
		{{Name: "link", Many: true}, {Name: "other", Target: "Patient"}},
	}, R4().PatientPaths("Patient"))
}

func TestParseSearchRefuses(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]string{
		"Patient\n  name string":                                 "line 2",
		"Patient\n    name string":                               "line 2",
		"Patient\n  a composite b\n    c D\n      x token e f\n": "line 4",
	} {
		_, err := parse(text, "")
		require.ErrorContains(t, err, want)
	}
	for text, want := range map[string]string{
		"Patient link":           "no parameter link",
		"Patient birthdate":      "no parameter of",
		"Patient birthdate name": "no parameter name",
	} {
		_, err := parse("Patient\n  birthdate date x\n    birthDate date\n", text)
		require.ErrorContains(t, err, want)
	}
}
