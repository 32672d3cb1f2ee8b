package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHelp(t *testing.T) {
	t.Parallel()

	for _, args := range []string{"", "serve", "api", "worker", "migrate", "dump", "load", "client", "client add", "client list", "client show", "client change", "client rotate", "client expire", "client revoke", "client remove", "health", "fetch", "fetch run", "fetch verify", "fetch cancel", "fetch keygen", "view", "view check", "view run", "location", "location record", "version"} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			require.Zero(t, Run(t.Context(), append(strings.Fields(args), "--help"), &stdout, &stderr))
			require.Contains(t, stdout.String(), withoutDefault("Usage: sluice "+args))
			require.Empty(t, stderr.String())
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()

	var stdout, stderr bytes.Buffer
	require.Zero(t, Run(t.Context(), []string{"version"}, &stdout, &stderr))
	require.Regexp(t, `^sluice \S+\n$`, stdout.String())
}
