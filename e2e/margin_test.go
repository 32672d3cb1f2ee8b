package e2e

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// A role that does not see what others do makes exports less exact, and whoever
// runs Sluice is told once what to grant.
func TestBlindRole(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	role := "sluice_test_" + strings.ToLower(rand.Text())
	sourcetest.Execute(j.t, j.database, "CREATE ROLE "+role+" LOGIN PASSWORD 'secret'")
	t.Cleanup(func() { sourcetest.Execute(j.t, j.database, "DROP ROLE "+role) })
	from, err := url.Parse(j.database)
	require.NoError(t, err)
	from.User = url.UserPassword(role, "secret")

	says := func() string {
		ctx, cancel := context.WithCancel(t.Context())
		log := &logBuffer{}
		ended := make(chan int)
		go func() {
			ended <- cli.Run(ctx, []string{"worker", "--state-url=" + j.database, "--source-url=" + from.String(),
				"--s3-url=" + j.bucket, "--source-commit-margin=7m", "--log-format=text"}, log, log)
		}()
		require.Eventually(t, func() bool { return strings.Contains(log.String(), "worker started") }, patience, 10*time.Millisecond)
		cancel()
		require.Zero(t, <-ended)
		return log.String()
	}
	warning := says()
	require.Contains(t, warning, "level=WARN")
	require.Contains(t, warning, "SLUICE_SOURCE_COMMIT_MARGIN=7m0s")
	require.Contains(t, warning, "GRANT pg_read_all_stats TO \\\""+role)

	sourcetest.Execute(j.t, j.database, "GRANT pg_monitor TO "+role) // which holds it
	require.NotContains(t, says(), "COMMIT_MARGIN")
}
