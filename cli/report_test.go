package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Servers write errors as log lines, and so do all commands if JSON is requested.
func TestStartUpErrors(t *testing.T) {
	t.Parallel()
	const unreachable = "--source-url=postgres://u:hunter2@127.0.0.1:1/d"
	for _, test := range []struct {
		name   string
		args   []string
		format string
	}{
		{"Server", []string{"serve", unreachable, "--s3-url=http://k:s@127.0.0.1:1/bucket"}, "json"},
		{"ServerUsage", []string{"api", unreachable}, "json"},
		{"ServerUnknownFlag", []string{"worker", unreachable, "--bogus"}, "json"},
		{"ServerText", []string{"worker", "--log-format", "text", unreachable, "--s3-url=http://k:s@127.0.0.1:1/bucket"}, "text"},
		{"Command", []string{"migrate", unreachable}, "sentence"},
		{"CommandJSON", []string{"migrate", "--log-format=json", unreachable}, "json"},
		{"CommandUsageJSON", []string{"--log-format", "json", "client", "add", unreachable}, "json"},
		{"UnknownCommandJSON", []string{"--log-format=json", "bogus"}, "json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			require.NotEqual(t, ExitOK, Run(t.Context(), test.args, &stdout, &stderr))
			require.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
			switch test.format {
			case "json":
				var line struct{ Level, Msg, Error string }
				require.NoError(t, json.Unmarshal(stderr.Bytes(), &line), stderr.String())
				require.Equal(t, "ERROR", line.Level)
				require.Equal(t, "command failed", line.Msg)
				require.NotEmpty(t, line.Error)
			case "text":
				require.Contains(t, stderr.String(), `level=ERROR msg="command failed" command=worker error=`)
			default:
				require.True(t, strings.HasPrefix(stderr.String(), "sluice: "), stderr.String())
			}
			require.NotContains(t, stderr.String(), "hunter2")
		})
	}
}

// Misspelled settings are reported. Variables that Kubernetes sets for a service called
// sluice are ignored.
func TestUnknownVariables(t *testing.T) {
	t.Parallel()
	parser, err := newParser(&cli{}, &bytes.Buffer{}, &bytes.Buffer{}, func(int) {})
	require.NoError(t, err)
	require.Equal(t, []string{"SLUICE_OURCE_URL", "SLUICE_PORTS"}, unknownVariables(parser.Model, []string{
		"PATH=/bin", "SLUICE_STATE_URL=x", "SLUICE_CLIENT_SECRET=x", "SLUICE_LOG_LEVEL=x", "SLUICE_OURCE_URL=x", "SLUICE_PORTS=1",
		"SLUICE_PORT=tcp://10.0.0.1:80", "SLUICE_PORT_80_TCP=tcp://10.0.0.1:80", "SLUICE_PORT_80_TCP_ADDR=10.0.0.1",
		"SLUICE_API_SERVICE_HOST=10.0.0.1", "SLUICE_SERVICE_PORT_HTTP=80",
	}))
}

func TestUnknownVariableWarning(t *testing.T) {
	t.Setenv("SLUICE_RETENTON", "7d")
	var stdout, stderr bytes.Buffer
	require.Equal(t, ExitOK, Run(t.Context(), []string{"version"}, &stdout, &stderr))
	require.Contains(t, stderr.String(), `"level":"WARN","msg":"unknown environment variable","name":"SLUICE_RETENTON"`)
}

// Examples of connection strings and S3 URLs in errors are not masked.
func TestExamplesShown(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"migrate", "--source-url="}, "such as postgres://user:password@host/database"},
		{[]string{"migrate", "--source-url=postgres://u:hunter2@h:port/d"}, "expected postgres://user:password@host:port/database, with"},
		{[]string{"migrate", "--source-url=postgres://user:password@host:port/database?password=hunter2"}, "expected postgres://user:password@host:port/database, with"},
		{[]string{"sweep", "--source-url=postgres://u@127.0.0.1:1/d", "--s3-url=http://k:hunter2@h:port/b"}, "http(s)://key:secret@host:port/bucket/prefix"},
	} {
		var stdout, stderr bytes.Buffer
		require.NotEqual(t, ExitOK, Run(t.Context(), test.args, &stdout, &stderr))
		require.Contains(t, stderr.String(), test.want)
		require.NotContains(t, stderr.String(), "hunter2")
	}
}

// Durations have Go's syntax, with days in addition.
func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"1d": 24 * time.Hour, "90d": 90 * 24 * time.Hour, "1.5d": 36 * time.Hour, "1d12h30m": 36*time.Hour + 30*time.Minute,
		"-1d": -24 * time.Hour, "0": 0, "45s": 45 * time.Second, "-1d12h": -36 * time.Hour,
	} {
		got, err := parseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "d", "1", "1dd", "1d-1h", "1h1d", "1hd", "--1d", "1 d", "1D", "110000d", "1e3d", "day"} {
		_, err := parseDuration(text)
		require.Error(t, err, text)
	}
}
