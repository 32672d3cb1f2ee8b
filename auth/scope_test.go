package auth_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/auth"
)

func TestScopesAllow(t *testing.T) {
	t.Parallel()

	// What each set of scopes says of Patient and Observation (FHIR's) and of
	// User (Aidbox's own).
	type answer struct{ patient, observation, user bool }
	for _, c := range []struct {
		scopes []string
		want   answer
	}{
		{nil, answer{}},
		{[]string{"system/*.rs"}, answer{patient: true, observation: true}},
		{[]string{"system/*.read"}, answer{patient: true, observation: true}},
		{[]string{"system/*.*"}, answer{patient: true, observation: true}},
		{[]string{"system/*.cruds"}, answer{patient: true, observation: true}},
		{[]string{"system/Patient.rs"}, answer{patient: true}},
		{[]string{"system/Patient.read"}, answer{patient: true}},
		{[]string{"system/Patient.*"}, answer{patient: true}},
		{[]string{"system/Patient.crus"}, answer{patient: true}},
		{[]string{"system/Patient.rs", "system/Observation.read"}, answer{patient: true, observation: true}},
		{[]string{"system/User.rs"}, answer{user: true}},
		{[]string{"system/*.rs", "system/User.rs"}, answer{patient: true, observation: true, user: true}},

		{[]string{"system/Patient.r"}, answer{}},
		{[]string{"system/Patient.s"}, answer{}},
		{[]string{"system/Patient.r", "system/Patient.s"}, answer{patient: true}},
		{[]string{"system/*.r", "system/Patient.s"}, answer{patient: true}},
		{[]string{"system/*.r", "system/User.s"}, answer{}},
		{[]string{"system/*.write"}, answer{}},
		{[]string{"system/*.cud"}, answer{}},
	} {
		scopes, err := auth.ParseScopes(c.scopes)
		require.NoError(t, err, c.scopes)
		got := answer{
			patient:     scopes.AllowsType("Patient", true),
			observation: scopes.AllowsType("Observation", true),
			user:        scopes.AllowsType("User", false),
		}
		require.Equal(t, c.want, got, c.scopes)
	}
}

func TestScopesAllowViews(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scopes []string
		want   auth.Rights
	}{
		{nil, 0},
		{[]string{"system/*.rs"}, auth.Read | auth.Search},
		{[]string{"system/*.*"}, auth.Create | auth.Read | auth.Update | auth.Delete | auth.Search},
		{[]string{"system/Patient.cruds"}, 0},
		{[]string{"system/ViewDefinition.write"}, auth.Create | auth.Update | auth.Delete},
		{[]string{"system/ViewDefinition.r", "system/*.s", "system/ViewDefinition.d"}, auth.Read | auth.Search | auth.Delete},
	} {
		scopes, err := auth.ParseScopes(c.scopes)
		require.NoError(t, err)
		for _, right := range []auth.Rights{auth.Create, auth.Read, auth.Update, auth.Delete, auth.Search} {
			require.Equal(t, c.want&right != 0, scopes.AllowsViews(right), "%v: %d", c.scopes, right)
			require.False(t, scopes.Within(auth.Scopes{}).AllowsViews(right))
		}
		require.False(t, scopes.AllowsType("ViewDefinition", false), "a table of that name must be named")
	}
}

func TestScopesThatAreNotTypes(t *testing.T) {
	t.Parallel()
	scopes, err := auth.ParseScopes([]string{"system/*.rs"})
	require.NoError(t, err)
	for _, resourceType := range []string{"*", "", "patient"} {
		require.False(t, scopes.AllowsType(resourceType, false), resourceType)
	}
	require.False(t, auth.Scopes{}.AllowsType("Patient", true))
}

func TestParseScopesRefuses(t *testing.T) {
	t.Parallel()

	for _, scope := range []string{
		"", " ", "system", "system/", "system/*", "system/*.", "system/.rs", "*.rs", "system/*.rs ", " system/*.rs",
		"patient/*.rs", "user/*.rs", "launch", "offline_access", "openid", "SYSTEM/*.rs", "System/Patient.rs",
		"system/Patient.sr", "system/Patient.rr", "system/Patient.x", "system/Patient.reads", "system/Patient.READ",
		"system/Patient.rs.rs", "system/patient.rs", "system/Pat*.rs", "system/**.rs", "system/../*.rs",
		"system/Observation.rs?category=laboratory", "system/*.rs system/User.rs", "system/Patient.rs\n",
	} {
		_, err := auth.ParseScopes([]string{"system/*.rs", scope})
		require.ErrorIs(t, err, auth.ErrInvalidScope, "%q", scope)
	}
	_, err := auth.ParseScopes([]string{"patient/*.rs"})
	require.ErrorContains(t, err, `"patient/*.rs"`, "the error names the scope")
	_, err = auth.ParseScopes([]string{"system/Observation.rs?category=laboratory"})
	require.ErrorContains(t, err, "search parameters")
}

func TestScopesStrings(t *testing.T) {
	t.Parallel()
	scopes, err := auth.ParseScopes([]string{"system/Patient.rs", "system/*.read", "system/Patient.rs"})
	require.NoError(t, err)
	require.Equal(t, []string{"system/Patient.rs", "system/*.read"}, scopes.Strings())
	require.Equal(t, "system/Patient.rs system/*.read", scopes.String())

	scopes.Strings()[0] = "system/User.rs"
	require.Equal(t, "system/Patient.rs", scopes.Strings()[0], "a caller can't change them")
	require.Empty(t, auth.Scopes{}.String())
}

func FuzzParseScopes(f *testing.F) {
	for _, seed := range []string{"system/*.rs", "system/Patient.read", "system/Patient.cruds?a=b", "patient/*.*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scopes, err := auth.ParseScopes([]string{text})
		if err != nil {
			require.ErrorIs(t, err, auth.ErrInvalidScope)
			return
		}
		again, err := auth.ParseScopes(scopes.Strings())
		require.NoError(t, err)
		require.Equal(t, text, again.String())
		require.False(t, scopes.AllowsType("*", false) && scopes.AllowsType("User", false))
	})
}
