package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
)

// TestPublicClient: a client that others wrote gets what it asks for, as it
// asks. It comes from the npm registry; without that, or without Node, there is
// nothing to test.
func TestPublicClient(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is not on the PATH")
		}
	}
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS("testdata/client")))
	install := exec.CommandContext(t.Context(), "npm", "install", "--no-audit", "--no-fund", "--loglevel=error")
	install.Dir = folder
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("the client can't be installed: %s", out)
	}

	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.addClient()
	j.load(conformanceData)
	address, _ := j.start("serve")

	for _, test := range []struct{ level, types string }{
		{"", "Patient,Practitioner"}, {"Patient", "Patient,Observation"}, {"Group/g1", "Patient"},
	} {
		want := map[string][]string{
			"":         {"d1", "p1", "p2"},
			"Patient":  {"o1", "o2", "p1", "p2"},
			"Group/g1": {"p1"},
		}[test.level]
		export := exec.CommandContext(t.Context(), "node", "export.mjs", address, test.level, test.types)
		export.Dir = folder
		var said strings.Builder
		export.Stderr = &said
		out, err := export.Output()
		require.NoError(t, err, said.String())
		var ids []string
		for line := range strings.Lines(string(out)) {
			var resource struct{ ID string }
			require.NoError(t, json.Unmarshal([]byte(line), &resource), line)
			ids = append(ids, resource.ID)
		}
		slices.Sort(ids)
		require.Equal(t, want, ids, test.level)
	}
}
