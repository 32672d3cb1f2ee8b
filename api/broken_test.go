package api_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// terminate ends the backend that reads for a dump, as an operator or a crash
// would.
func (b *testBundle) terminate(t *testing.T) {
	t.Helper()
	b.exec(t, `SELECT pg_terminate_backend($1)`, b.requireReader(t))
}

// TestBrokenStream: a dump that the database breaks off does not look whole.
func TestBrokenStream(t *testing.T) {
	t.Parallel()
	b := setup(t)
	open := b.gate(t)

	for i, target := range []string{"/Patient/$dump", "/Patient/$dump?gzip=true"} {
		_, body := b.begin(t, target)
		b.terminate(t)
		_, err := io.Copy(io.Discard, body)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Eventually(t, func() bool { return strings.Count(b.logs.String(), `"level":"ERROR"`) == i+1 }, patience, tick)
	}
	open()
	b.requireConnections(t)
}

func TestBrokenStreamInCurl(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.gate(t)
	curl, gzip := lookPath(t, "curl"), lookPath(t, "gzip")

	for _, query := range []string{"", "?gzip=true"} {
		part := filepath.Join(t.TempDir(), "part.gz")
		file, err := os.Create(part)
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), curl, "-sSN", "-u", clientID+":"+clientSecret, b.url+"/Patient/$dump"+query)
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())

		_, err = io.CopyN(file, stdout, 16)
		require.NoError(t, err)
		b.terminate(t)
		_, err = io.Copy(file, stdout)
		require.NoError(t, err)
		require.NoError(t, file.Close())

		var exit *exec.ExitError
		require.ErrorAs(t, cmd.Wait(), &exit)
		require.Contains(t, []int{18, 56}, exit.ExitCode(), "transfer cut short, or connection reset")
		if query != "" {
			require.Error(t, exec.CommandContext(t.Context(), gzip, "-t", part).Run())
		}
	}
}

// TestBrokenBeforeTheFirstByte: what fails before it has begun can still be
// told, and whether it helps to come again.
func TestBrokenBeforeTheFirstByte(t *testing.T) {
	t.Parallel()

	t.Run("ForNow", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.aidbox(t, "Patient")
		b.hold(t, `LOCK TABLE patient IN ACCESS EXCLUSIVE MODE`)

		wait := b.later(t, b.request(t, http.MethodGet, "/Patient/$dump"))
		b.terminate(t)
		got, err := wait()
		require.NoError(t, err)
		requireRefusal(t, got, http.StatusServiceUnavailable, "transient", "")
		require.Equal(t, "10", got.Header.Get("Retry-After"))
	})

	t.Run("ForGood", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.aidbox(t, "Patient")
		b.exec(t, `ALTER TABLE patient ALTER txid TYPE text`)
		b.exec(t, `INSERT INTO patient (id, txid, status, resource) VALUES ('pt-1', 'one', 'created', '{}')`)

		got := b.get(t, "/Patient/$dump")
		said := requireRefusal(t, got, http.StatusInternalServerError, "exception", "")
		require.Equal(t, "table patient cannot be read: column txid is of type text, not bigint", said)
		require.Empty(t, got.Header.Get("Retry-After"))
		require.Contains(t, b.logs.String(), "column txid")
	})
}

// TestHTTP10: its answers end when the connection does, so a broken one would
// look whole.
func TestHTTP10(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.documented(t)

	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(b.url, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	request := b.request(t, http.MethodGet, "/Patient/$dump")
	_, err = io.WriteString(conn, "GET /Patient/$dump HTTP/1.0\r\nAuthorization: "+request.Header.Get("Authorization")+"\r\n\r\n")
	require.NoError(t, err)

	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	requireRefusal(t, answer{response, string(body)}, http.StatusUpgradeRequired, "not-supported", "")
	require.Equal(t, "HTTP/1.1", response.Header.Get("Upgrade"))
}
