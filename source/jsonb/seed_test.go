package jsonb_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// testSeed returns the seed of a test's random documents, which is printed if the test
// fails: SLUICE_TEST_SEED, or a random one.
func testSeed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if value := os.Getenv("SLUICE_TEST_SEED"); value != "" {
		var err error
		seed, err = strconv.ParseUint(value, 10, 64)
		require.NoError(t, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to repeat: SLUICE_TEST_SEED=%d", seed)
		}
	})
	return seed
}
