package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
)

const (
	// idleConnections is how many the server has to bear.
	idleConnections = 10_000

	// idleBytes is what one may cost it.
	idleBytes = 32 << 10

	// idleServer names the server in the environment of the process that keeps
	// the other ends: one process may not have so many files open as both need.
	idleServer = "SLUICE_TEST_IDLE_SERVER"
)

// TestIdleConnections: many idle connections use little memory, and requests are still
// served.
func TestIdleConnections(t *testing.T) {
	if address := os.Getenv(idleServer); address != "" {
		beIdle(t, address)
		return
	}
	if testing.Short() {
		t.Skip("opens ten thousand connections")
	}
	// On a busy machine the first ones must not time out before the last ones came.
	b := setup(t, func(config *api.Config) { config.RequestTimeout = 10 * time.Minute })
	b.Documented(t)
	before := inUse()

	others := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestIdleConnections$")
	others.Env = append(os.Environ(), idleServer+"="+strings.TrimPrefix(b.URL, "http://"))
	others.Stderr = os.Stderr
	hold, err := others.StdinPipe()
	require.NoError(t, err)
	said, err := others.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, others.Start())
	line, err := bufio.NewReader(said).ReadString('\n')
	require.NoError(t, err)
	count, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.Equal(t, idleConnections, count)

	require.Equal(t, http.StatusOK, b.Get(t, "/ready").StatusCode)
	require.Equal(t, apitest.AidboxLines["Patient"], b.Get(t, "/Patient/$dump").Text)
	require.Less(t, inUse(), before+idleConnections*idleBytes)

	require.NoError(t, hold.Close())
	require.NoError(t, others.Wait())
}

// inUse is what the process holds, stacks included.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// beIdle opens connections, reports their number, and waits for the end of its input.
func beIdle(t *testing.T, address string) {
	var dialer net.Dialer
	count := 0
	for ; count < idleConnections; count++ {
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		require.NoError(t, err, "after %d", count)
		defer func() { _ = conn.Close() }()
	}
	fmt.Println(count)
	_, _ = io.Copy(io.Discard, os.Stdin)
}
