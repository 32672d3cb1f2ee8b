package jobs_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when anything that waits for an export goes on waiting.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
