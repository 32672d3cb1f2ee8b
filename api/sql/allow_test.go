package sql

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/view"
)

// The check that is repeated while rows are sent covers everything that the request
// needed: the type, the Group, and a stored view.
func TestAllow(t *testing.T) {
	t.Parallel()
	c := &checker{views: &Views{config: Config{Types: []string{"Patient"}}}, selection: selection{group: "ward"}}
	stored := &subject{form: byReference, view: &view.View{Resource: "Patient"}}
	inline := &subject{form: byResource, view: &view.View{Resource: "Patient"}}
	client := func(groups []string, scopes ...string) auth.Client {
		parsed, err := auth.ParseScopes(scopes)
		require.NoError(t, err)
		return auth.Client{Scopes: parsed, Groups: groups}
	}
	require.NoError(t, c.allow(client(nil, "system/*.rs"), stored, inline))
	require.NoError(t, c.allow(client([]string{"ward"}, "system/Patient.rs", "system/ViewDefinition.r"), stored, inline))
	require.NoError(t, c.allow(client(nil, "system/Patient.rs"), inline))
	require.ErrorContains(t, c.allow(client(nil, "system/Patient.rs"), inline, stored), "ViewDefinition")
	require.ErrorContains(t, c.allow(client(nil, "system/ViewDefinition.rs"), stored), "Patient")
	require.ErrorContains(t, c.allow(client([]string{"other"}, "system/*.rs"), inline), "Group")
}
