package chaos_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/dev/chaos"
	"github.com/seed-90096f4d/sluice/dev/s3"
)

func TestMain(m *testing.M) {
	s3.ServeIfGateway()
	os.Exit(m.Run())
}

// The short form: exports are correct although PostgreSQL stops and processes are
// restarted, and everything is cleaned up. make chaos runs all scenarios.
func TestShortForm(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes most of a minute")
	}
	program := filepath.Join(t.TempDir(), "sluice")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = filepath.Join("..", "..")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))

	table, err := chaos.Run(t.Context(), chaos.Options{Program: program, LogDir: t.TempDir(), Short: true, Log: t.Output()})
	t.Logf("\n%s", table)
	require.NoError(t, err)
}
