package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A known vulnerability fails the check, and a check that was not possible is reported.
func TestVulnerabilities(t *testing.T) {
	t.Parallel()
	const clean, found, unknown = 0, 3, 1 // the exit codes of govulncheck
	for _, c := range []struct {
		here, dev int // in each module
		allowed   string
		want      int
		unchecked bool
	}{
		{clean, clean, "", 0, false},
		{found, clean, "1", 3, false},
		{clean, found, "1", 3, false},
		{unknown, found, "1", 3, false},
		{found, unknown, "1", 3, false},
		{unknown, clean, "", 1, true},
		{clean, unknown, "", 1, true},
		{unknown, unknown, "1", 0, true},
		{2, clean, "", 1, true},
	} {
		tool := filepath.Join(t.TempDir(), "tool")
		root, err := filepath.Abs("..")
		require.NoError(t, err)
		script := fmt.Sprintf("#!/bin/sh\n[ \"$PWD\" = '%s/dev' ] && exit %d\nexit %d\n", root, c.dev, c.here)
		require.NoError(t, os.WriteFile(tool, []byte(script), 0o755))
		relative, err := filepath.Rel(root, tool)
		require.NoError(t, err)

		check := exec.CommandContext(t.Context(), filepath.Join(root, ".ci/vulnerabilities"), relative)
		check.Env = append(os.Environ(), "ALLOW_UNCHECKED="+c.allowed)
		said, err := check.CombinedOutput()
		if c.want == 0 {
			require.NoError(t, err, string(said))
		}
		require.Equal(t, c.want, check.ProcessState.ExitCode(), "%+v: %s", c, said)
		if c.unchecked {
			require.Contains(t, string(said), "NOT CHECKED")
			continue
		}
		require.NotContains(t, string(said), "NOT CHECKED", "%+v", c)
	}
}
