package bulk_test

import (
	"testing"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
)

// testBundle is a server with its databases and object store.
type testBundle struct{ *apitest.Bundle }

// setup starts a server. It stops with the test.
func setup(t *testing.T, adjust ...func(*api.Config)) *testBundle {
	t.Helper()
	return &testBundle{apitest.Setup(t, adjust...)}
}
