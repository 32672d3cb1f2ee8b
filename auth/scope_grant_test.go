package auth

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// standard reports which types FHIR has, as far as the tests need it.
func standard(resourceType string) bool {
	return resourceType == "Patient" || resourceType == "Observation" || resourceType == "*"
}

func TestGrant(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		granted []string
		asked   string
		want    string
	}{
		{[]string{"system/*.rs"}, "system/*.rs", "system/*.rs"},
		{[]string{"system/*.rs"}, "system/*.read", "system/*.read"},
		{[]string{"system/*.rs"}, "system/*.*", "system/*.rs"},
		{[]string{"system/*.rs"}, "system/*.cruds system/Patient.write", "system/*.rs"},
		{[]string{"system/*.read"}, "system/Patient.rs  system/Observation.read", "system/Patient.rs system/Observation.read"},
		{[]string{"system/*.rs"}, "system/Client.rs", ""},
		{[]string{"system/Client.rs"}, "system/Client.rs", "system/Client.rs"},
		{[]string{"system/*.rs", "system/Client.rs"}, "system/*.rs", "system/*.rs"},
		{[]string{"system/Patient.rs", "system/Observation.r"}, "system/*.rs", "system/Observation.r system/Patient.rs"},
		{[]string{"system/Patient.rs"}, "system/*.read", "system/Patient.read"},
		{[]string{"system/Patient.rs"}, "system/Observation.rs", ""},
		{[]string{"system/*.r", "system/Patient.s"}, "system/Patient.rs", "system/Patient.rs"},
		{[]string{"system/*.rs"}, "openid fhirUser patient/*.rs system/Patient.rs?x=y nonsense", ""},
		{[]string{"system/*.rs"}, "", ""},
		{[]string{"system/*.rs"}, "system/ViewDefinition.cruds", "system/ViewDefinition.rs"},
		{[]string{"system/*.cruds"}, "system/ViewDefinition.write system/Patient.*", "system/ViewDefinition.write system/Patient.rs"},
		{[]string{"system/*.*"}, "system/*.*", "system/*.cruds"},
		{[]string{"system/ViewDefinition.write", "system/Patient.cruds"}, "system/*.*", "system/Patient.rs system/ViewDefinition.cud"},
		{[]string{"system/ViewDefinition.*"}, "system/ViewDefinition.cu system/ViewDefinition.read", "system/ViewDefinition.cu system/ViewDefinition.read"},
	} {
		granted, err := ParseScopes(c.granted)
		require.NoError(t, err)
		got := granted.Grant(c.asked, standard)
		require.Equal(t, c.want, got.String(), c)
		for _, resourceType := range []string{"Patient", "Observation", "Client", "User"} {
			if got.AllowsType(resourceType, standard(resourceType)) {
				require.True(t, granted.AllowsType(resourceType, standard(resourceType)), c)
			}
		}
		requireNoMoreViews(t, got, granted)
	}
}

// requireNoMoreViews checks that no right to ViewDefinitions was added.
func requireNoMoreViews(t *testing.T, got, granted Scopes) {
	t.Helper()
	for right := Create; right <= Search; right <<= 1 {
		require.True(t, !got.AllowsViews(right) || granted.AllowsViews(right))
	}
}

// FuzzGrant: no request gets more than was granted.
func FuzzGrant(f *testing.F) {
	f.Add("system/*.rs", "system/Client.rs system/*.cruds")
	f.Add("system/Patient.rs system/Client.read", "system/*.* openid")
	f.Add("system/ViewDefinition.cu", "system/*.* system/ViewDefinition.write")
	f.Fuzz(func(t *testing.T, grant, asked string) {
		granted := Scopes{}.Grant("", standard)
		if parsed, err := ParseScopes([]string{grant}); err == nil {
			granted = parsed
		}
		got := granted.Grant(asked, standard)
		for _, resourceType := range []string{"Patient", "Client", "A"} {
			for _, isStandard := range []bool{true, false} {
				if standard(resourceType) == isStandard && got.AllowsType(resourceType, isStandard) {
					require.True(t, granted.AllowsType(resourceType, isStandard))
				}
			}
		}
		requireNoMoreViews(t, got, granted)
	})
}
