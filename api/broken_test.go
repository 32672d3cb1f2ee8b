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

	"github.com/seed-90096f4d/sluice/api/apitest"
)

// terminate ends the backend that reads for a dump, as an operator or a crash
// would.
func (b *testBundle) terminate(t *testing.T) {
	t.Helper()
	b.Exec(t, `SELECT pg_terminate_backend($1)`, b.requireReader(t))
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
		require.Eventually(t, func() bool { return strings.Count(b.Logs.String(), `"level":"ERROR"`) == i+1 }, apitest.Patience, apitest.Tick)
	}
	open()
	b.requireConnections(t)
}

func TestBrokenStreamInCurl(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.gate(t)
	curl, gzip := apitest.LookPath(t, "curl"), apitest.LookPath(t, "gzip")

	for _, query := range []string{"", "?gzip=true"} {
		part := filepath.Join(t.TempDir(), "part.gz")
		file, err := os.Create(part)
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), curl, "-sSN", "-u", apitest.ClientID+":"+apitest.ClientSecret, b.URL+"/Patient/$dump"+query)
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

// TestBrokenBeforeTheFirstByte: a failure before the first byte has a status of its
// own, which says whether a retry may help.
func TestBrokenBeforeTheFirstByte(t *testing.T) {
	t.Parallel()

	t.Run("ForNow", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.Aidbox(t, "Patient")
		b.Hold(t, `LOCK TABLE patient IN ACCESS EXCLUSIVE MODE`)

		wait := b.Later(t, b.Request(t, http.MethodGet, "/Patient/$dump"))
		b.terminate(t)
		got, err := wait()
		require.NoError(t, err)
		apitest.RequireRefusal(t, got, http.StatusServiceUnavailable, "transient", "")
		require.Equal(t, "10", got.Header.Get("Retry-After"))
	})

	t.Run("ForGood", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.Aidbox(t, "Patient")
		b.Exec(t, `ALTER TABLE patient ALTER txid TYPE text`)
		b.Exec(t, `INSERT INTO patient (id, txid, status, resource) VALUES ('pt-1', 'one', 'created', '{}')`)

		got := b.Get(t, "/Patient/$dump")
		said := apitest.RequireRefusal(t, got, http.StatusInternalServerError, "exception", "")
		require.Equal(t, "table patient cannot be read: column txid is of type text, not bigint", said)
		require.Empty(t, got.Header.Get("Retry-After"))
		require.Contains(t, b.Logs.String(), "column txid")
	})
}

// TestHTTP10: its answers end when the connection does, so a broken one would
// look whole.
func TestHTTP10(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)

	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(b.URL, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	request := b.Request(t, http.MethodGet, "/Patient/$dump")
	_, err = io.WriteString(conn, "GET /Patient/$dump HTTP/1.0\r\nAuthorization: "+request.Header.Get("Authorization")+"\r\n\r\n")
	require.NoError(t, err)

	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	apitest.RequireRefusal(t, apitest.Answer{Response: response, Text: string(body)}, http.StatusUpgradeRequired, "not-supported", "")
	require.Equal(t, "HTTP/1.1", response.Header.Get("Upgrade"))
}
