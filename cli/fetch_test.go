package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch"
	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
)

// runFetch runs sluice fetch and returns its exit code and output.
func runFetch(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = Run(t.Context(), append([]string{"fetch"}, args...), &out, &problems)
	return code, out.String(), problems.String()
}

func TestFetch(t *testing.T) {
	t.Parallel()
	files := append(fetchtest.Files("Patient", 2, 10), fetchtest.Issues("OperationOutcome.1.ndjson", "warning", "slow", "slow"))
	server := fetchtest.New(t, fetchtest.Options{Files: files, TLS: true})
	dir := filepath.Join(t.TempDir(), "a", "b")
	ca := "--ca-file=" + server.CAFile

	code, _, stderr := runFetch(t, server.BaseURL, "-o", dir)
	require.Equal(t, 1, code, stderr)
	require.Contains(t, stderr, "certificate")
	code, stdout, stderr := runFetch(t, server.BaseURL, "-o", dir, ca, "--fail-on", "warning")
	require.Equal(t, 7, code, stderr)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "warning (2 times): slow")
	require.Contains(t, stderr, "3 files, 20 resources")
	code, _, stderr = runFetch(t, server.BaseURL, "-o", dir, ca)
	require.Equal(t, 1, code, stderr)
	require.Contains(t, stderr, "has a complete export already")

	code, _, stderr = runFetch(t, "verify", dir)
	require.Equal(t, 0, code, stderr)
	require.NoError(t, os.Remove(filepath.Join(dir, "Patient.0001.ndjson.gz")))
	code, _, stderr = runFetch(t, "verify", dir, "-q")
	require.Equal(t, 6, code, stderr)
	require.Contains(t, stderr, "Patient.0001.ndjson.gz: the file is missing")
	code, _, stderr = runFetch(t, "cancel", dir)
	require.Equal(t, 1, code, stderr)
	require.Contains(t, stderr, "no unfinished run")

	code, stdout, stderr = runFetch(t, server.BaseURL, "-o", "-", ca, "-q")
	require.Equal(t, 0, code, stderr)
	require.Equal(t, string(files[0].NDJSON())+string(files[1].NDJSON()), stdout)
	require.Empty(t, stderr)
}

// A copy to standard output that cannot be written leaves no export on the server.
func TestFetchToClosedStandardOutput(t *testing.T) {
	t.Parallel()
	full := filepath.Join("/dev", "full")
	if _, err := os.Stat(full); err != nil {
		t.Skip("there is no /dev/full")
	}
	disk, err := os.OpenFile(full, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, disk.Close()) }()
	for code, stdout := range map[int]io.Writer{ExitBrokenPipe: closedPipe{}, ExitFailed: disk} {
		server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 3, 1000)})
		var stderr bytes.Buffer
		require.Equal(t, code, Run(t.Context(), []string{"fetch", server.BaseURL, "-o", "-"}, stdout, &stderr), stderr.String())
		require.Zero(t, server.Exports(), stderr.String())
		if code == ExitBrokenPipe {
			require.NotContains(t, stderr.String(), "reader")
		}
	}
}

// A file that cannot be read is no refusal of the server.
func TestFetchWithoutSecret(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 1)})
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for _, args := range [][]string{{"--client-id=me", "--secret-file"}, {"--token-file"}, {"--client-id=me", "--auth=secret", "--token-url=" + server.BaseURL, "--secret-file"}} {
		args[len(args)-1] += "=" + empty
		code, _, stderr := runFetch(t, append(args, server.BaseURL, "-o", t.TempDir())...)
		require.Equal(t, 1, code, stderr)
		require.Contains(t, stderr, empty+" is empty")
	}
}

// A copy that is refused leaves no directory, and --resume makes none.
func TestFetchLeavesNoDirectory(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Auth: fetchtest.Auth{Method: fetchtest.BearerAuth, Token: "hunter2"}})
	parent := filepath.Join(t.TempDir(), "new")
	dir := filepath.Join(parent, "in", "here")
	code, _, stderr := runFetch(t, server.BaseURL, "-o", dir)
	require.Equal(t, 2, code, stderr)
	require.NoDirExists(t, parent)
	code, _, stderr = runFetch(t, "--resume", dir)
	require.Equal(t, 1, code, stderr)
	require.NoDirExists(t, dir)
}

// A URL with the wrong scheme is explained, whatever the server responds.
func TestFetchWithWrongScheme(t *testing.T) {
	t.Parallel()
	plain := fetchtest.New(t, fetchtest.Options{})
	secure := fetchtest.New(t, fetchtest.Options{TLS: true})
	for address, want := range map[string]string{
		strings.Replace(plain.BaseURL, "http://", "https://", 1):  "the URL begins with https://, but the server speaks http://",
		strings.Replace(secure.BaseURL, "https://", "http://", 1): "the URL begins with http://, but the server speaks https://",
	} {
		_, _, stderr := runFetch(t, address, "-o", filepath.Join(t.TempDir(), "new"), "--retry-for", "1s")
		require.Contains(t, stderr, want)
	}
	for _, text := range []string{
		"Client sent an HTTP request to an HTTPS server.",
		"400 The plain HTTP request was sent to HTTPS port",
		"Reason: You're speaking plain HTTP to an SSL-enabled server port.",
		`net/http: HTTP/1.x transport connection broken: malformed HTTP response "\x15\x03\x01\x00\x02\x02"`,
	} {
		require.ErrorContains(t, withAdvice(errors.New(text)), "speaks https://")
	}
}

// A server that is not reached is given up after --retry-for, however long --wait is.
func TestFetchUnreachable(t *testing.T) {
	t.Parallel()
	began := time.Now()
	code, _, stderr := runFetch(t, "http://127.0.0.1:1/fhir", "-o", t.TempDir(), "--retry-for", "1s", "--wait", "10m")
	require.Equal(t, 5, code, stderr)
	require.Contains(t, stderr, "connection refused")
	require.Less(t, time.Since(began), 2*time.Minute)
}

// The summary counts resources without issues. With -q, events are only logged as warnings.
func TestFetchSummary(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: append(fetchtest.Files("Patient", 1, 1), fetchtest.Issues("i.ndjson", "warning", "slow"))})
	dir := t.TempDir()
	code, _, stderr := runFetch(t, server.BaseURL, "-o", dir)
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "warning (1 time): slow")
	require.Contains(t, stderr, "2 files, 1 resource, ")
	code, _, stderr = runFetch(t, "verify", dir)
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "2 files, 1 resource, ")
	code, _, stderr = runFetch(t, server.BaseURL, "-o", t.TempDir(), "-q", "--log-format", "json")
	require.Zero(t, code, stderr)
	require.Empty(t, stderr)
}

// The summary counts deletions that are listed.
func TestFetchSummaryOfDeletions(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: append(fetchtest.Files("Patient", 1, 1), fetchtest.Deletions("d.ndjson", "Patient/a", "Patient/b"))})
	code, _, stderr := runFetch(t, server.BaseURL, "-o", t.TempDir(), "--deleted=list")
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "2 files, 1 resource, 2 deletions, ")
}

// Texts do not name the default command, and name flags that help.
func TestFetchTexts(t *testing.T) {
	t.Parallel()
	code, _, stderr := runFetch(t)
	require.Equal(t, 1, code)
	require.Equal(t, "sluice: fetch: no server and no output: give both, as in sluice fetch https://example.org/fhir -o DIR\n", stderr)
	_, _, stderr = runFetch(t, "keygen", "-o", "-")
	require.Contains(t, stderr, "standard output is for the public key")
	_, help, _ := runFetch(t, "--help")
	require.NotContains(t, help, "fetch run")
	tls := fetchtest.New(t, fetchtest.Options{TLS: true})
	_, _, stderr = runFetch(t, tls.BaseURL, "-o", filepath.Join(t.TempDir(), "x"))
	require.Contains(t, stderr, "--ca-file FILE")
	plain := fetchtest.New(t, fetchtest.Options{})
	_, _, stderr = runFetch(t, strings.Replace(plain.BaseURL, "http:", "https:", 1), "-o", filepath.Join(t.TempDir(), "x"))
	require.Contains(t, stderr, "the server speaks http://")
}

// What the flags ask for arrives at the server.
func TestFetchRequest(t *testing.T) {
	t.Parallel()
	patients := filepath.Join(t.TempDir(), "patients")
	require.NoError(t, os.WriteFile(patients, []byte("b\n\n c \n"), 0o600))
	for _, test := range []struct {
		args   string
		method string
		want   map[string]string // parameters of the query
		body   []string
	}{
		{"--type Patient,Group --type Device --since 2026-01-31 --until 2026-02-28T08:00:00+01:00", "GET",
			map[string]string{"_type": "Patient,Group,Device", "_since": "2026-01-31T00:00:00Z", "_until": "2026-02-28T08:00:00+01:00"}, nil},
		{"--group g --elements id,Patient.name --include LatestProvenanceResources --param a=b=c --param a=d", "GET",
			map[string]string{"_elements": "id,Patient.name", "includeAssociatedData": "LatestProvenanceResources"}, nil},
		{"--level patient --patient a --patient @" + patients, "POST", nil, []string{"Patient/a", "Patient/b", "Patient/c"}},
		{"--method post --type-filter Observation?code=a,b --type Observation", "POST", nil, []string{"Observation?code=a,b"}},
		{"--organize-by Patient --format application/fhir+ndjson --partial", "GET",
			map[string]string{"organizeOutputBy": "Patient", "_outputFormat": "application/fhir+ndjson", "allowPartialManifests": "true"}, nil},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 1)})
			code, _, stderr := runFetch(t, append([]string{server.BaseURL, "-o", t.TempDir()}, strings.Fields(test.args)...)...)
			require.Equal(t, 0, code, stderr)
			kickOff := server.Requests(fetchtest.KickOff)[0]
			require.Equal(t, test.method, kickOff.Method)
			for name, value := range test.want {
				require.Equal(t, value, kickOff.Query.Get(name), name)
			}
			for _, text := range test.body {
				require.Contains(t, kickOff.Body, text)
			}
		})
	}
}

// Secrets come from files, work, and are shown nowhere.
func TestFetchSecrets(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	secret := filepath.Join(folder, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("hunter2\n"), 0o600))
	wrong := filepath.Join(folder, "wrong")
	require.NoError(t, os.WriteFile(wrong, []byte("wrong-hunter2\n"), 0o600))
	key := filepath.Join(folder, "key.json")
	code, public, stderr := runFetch(t, "keygen", "-o", key)
	require.Equal(t, 0, code, stderr)
	var keys jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal([]byte(public), &keys))
	require.True(t, keys.Keys[0].IsPublic())
	info, err := os.Stat(key)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	code, _, stderr = runFetch(t, "keygen", "-o", key)
	require.Equal(t, 1, code, stderr)

	for name, test := range map[string]struct {
		auth fetchtest.Auth
		good []string
		bad  []string
	}{
		"basic":  {fetchtest.Auth{Method: fetchtest.BasicAuth, ClientID: "me", Secret: "hunter2"}, []string{"--client-id=me", "--secret-file=" + secret}, []string{"--client-id=me", "--secret-file=" + wrong}},
		"bearer": {fetchtest.Auth{Method: fetchtest.BearerAuth, Token: "hunter2"}, []string{"--token-file=" + secret}, []string{"--token-file=" + wrong}},
		"smart":  {fetchtest.Auth{Method: fetchtest.SMARTAuth, ClientID: "me", Keys: keys}, []string{"--client-id=me", "--key=" + key}, []string{"--client-id=you", "--key=" + key}},
		"secret": {fetchtest.Auth{Method: fetchtest.ClientSecret, ClientID: "me", Secret: "hunter2"}, []string{"--auth=secret", "--client-id=me", "--secret-file=" + secret}, []string{"--auth=secret", "--client-id=me", "--secret-file=" + wrong}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 1), Auth: test.auth})
			dir := t.TempDir()
			code, stdout, stderr := runFetch(t, append([]string{server.BaseURL, "-o", dir, "--log", "json"}, test.good...)...)
			require.Equal(t, 0, code, stderr)
			code, more, refused := runFetch(t, append([]string{server.BaseURL, "-o", t.TempDir(), "--log", "json"}, test.bad...)...)
			require.Equal(t, 2, code, refused)
			shown := stdout + stderr + more + refused
			for _, file := range []string{"manifest.json", "log.ndjson"} {
				content, err := os.ReadFile(filepath.Join(dir, file))
				require.NoError(t, err)
				shown += string(content)
			}
			require.NotContains(t, shown, "hunter2")
			for line := range strings.Lines(stderr + refused) {
				require.True(t, json.Valid([]byte(line)), line)
			}
		})
	}
}

// Invalid arguments have the exit code 1: 2 means that the login was refused.
func TestFetchUsage(t *testing.T) {
	t.Parallel()
	url := "https://example.org/fhir"
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no output":    {[]string{url}, "no output"},
		"no server":    {[]string{"-o", "x"}, "no server"},
		"both":         {[]string{url, "--resume", "x"}, "leave out the base URL"},
		"scheme":       {[]string{"ftp://hunter2@h/", "-o", "x"}, "must be a URL such as"},
		"password":     {[]string{"https://me:hunter2@h/", "-o", "x"}, "must not contain a password"},
		"unknown":      {[]string{url, "-o", "x", "--bogus"}, "--bogus"},
		"group":        {[]string{url, "-o", "x", "--level", "group"}, "--group ID"},
		"level":        {[]string{url, "-o", "x", "--level", "patient", "--group", "g"}, "--group ID"},
		"since":        {[]string{url, "-o", "x", "--since", "yesterday"}, `got "yesterday"`},
		"until":        {[]string{url, "-o", "x", "--until", "auto"}, `got "auto"`},
		"auto":         {[]string{url, "-o", "x", "--since", "auto", "--until", "2026-01-01"}, "--until"},
		"auto since":   {[]string{url, "-o", "x", "--since", "auto", "--param", "_since=2026-01-01"}, "--param _since"},
		"auto until":   {[]string{url, "-o", "x", "--since", "auto", "--param", "_until=2026-01-01"}, "--param _until"},
		"stream":       {[]string{url, "-o", "-", "--since", "auto"}, "needs a directory or bucket"},
		"members":      {[]string{url, "-o", "x", "--new-members"}, "--since auto"},
		"patient":      {[]string{url, "-o", "x", "--patient", "a"}, "--level patient"},
		"patient file": {[]string{url, "-o", "x", "--level", "patient", "--patient", "@missing"}, "missing"},
		"param":        {[]string{url, "-o", "x", "--param", "a"}, "NAME=VALUE"},
		"strict":       {[]string{url, "-o", "x", "--strict", "--verify", "none"}, "--verify full"},
		"parallel":     {[]string{url, "-o", "x", "-j", "0"}, "--parallel"},
		"retry":        {[]string{url, "-o", "x", "--retry-for", "0s"}, "--retry-for"},
		"secret file":  {[]string{url, "-o", "x", "--auth", "basic", "--client-id", "a", "--secret-file", "missing"}, "missing"},
		"bucket":       {[]string{url, "-o", "s3://"}, "bucket"},
		"verify":       {[]string{"verify"}, "out"},
		"no manifest":  {[]string{"verify", "/nonexistent-directory"}, "nonexistent-directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := slices.Clone(test.args)
			for i, arg := range args {
				if arg == "x" {
					args[i] = t.TempDir()
				}
			}
			code, _, stderr := runFetch(t, args...)
			require.Equal(t, 1, code, stderr)
			require.Contains(t, stderr, test.want)
			require.NotContains(t, stderr, "hunter2")
			require.Equal(t, 1, strings.Count(stderr, "\n"), "one sentence: %s", stderr)
		})
	}
}

// The other exit codes.
func TestFetchExitCodes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault fetchtest.Fault
		args  []string
		want  int
	}{
		"refused":    {fetchtest.KickOff.Always(fetchtest.Reject(400)), nil, 3},
		"gone":       {fetchtest.Status.Always(fetchtest.Reject(404)), nil, 4},
		"incomplete": {fetchtest.Download.Always(fetchtest.Reject(500)), []string{"--retry-for=1s"}, 5},
		"mismatch":   {fetchtest.Download.Always(fetchtest.TruncateAfter(10)), nil, 6},
		"timeout":    {fetchtest.Download.Always(fetchtest.Stall()), []string{"--timeout=2s"}, 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 10), Faults: []fetchtest.Fault{test.fault}})
			began := time.Now()
			code, _, stderr := runFetch(t, append([]string{server.BaseURL, "-o", t.TempDir()}, test.args...)...)
			require.Equal(t, test.want, code, stderr)
			t.Log(time.Since(began), stderr)
		})
	}
}

// Secrets in the environment are used, too. A flag with a file comes first.
func TestFetchSecretsInEnvironment(t *testing.T) {
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 1),
		Auth: fetchtest.Auth{Method: fetchtest.BasicAuth, ClientID: "me", Secret: "hunter2"}})
	t.Setenv("SLUICE_FETCH_SECRET", "hunter2")
	t.Setenv("SLUICE_FETCH_CLIENT_ID", "me")
	code, _, stderr := runFetch(t, server.BaseURL, "-o", t.TempDir())
	require.Equal(t, 0, code, stderr)
	require.NotContains(t, stderr, "unknown environment variable")
	other := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(other, []byte("other"), 0o600))
	code, _, stderr = runFetch(t, server.BaseURL, "-o", t.TempDir(), "--secret-file", other)
	require.Equal(t, 2, code, stderr)

	server = fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 1),
		Auth: fetchtest.Auth{Method: fetchtest.BearerAuth, Token: "hunter3"}})
	t.Setenv("SLUICE_FETCH_SECRET", "")
	t.Setenv("SLUICE_FETCH_CLIENT_ID", "")
	t.Setenv("SLUICE_FETCH_TOKEN", "hunter3")
	code, _, stderr = runFetch(t, server.BaseURL, "-o", t.TempDir())
	require.Equal(t, 0, code, stderr)
}

// Errors say what to do next.
func TestFetchAdvice(t *testing.T) {
	t.Parallel()
	advise := func(o fetchtest.Options, args ...string) string {
		o.Files = fetchtest.Files("Patient", 1, 1)
		code, _, stderr := runFetch(t, append([]string{fetchtest.New(t, o).BaseURL, "-o", t.TempDir()}, args...)...)
		require.NotZero(t, code)
		return stderr
	}
	failed := fetchtest.Options{Faults: []fetchtest.Fault{fetchtest.Status.Always(fetchtest.Reject(500))}}
	require.Contains(t, advise(failed), "; to begin again, run sluice fetch cancel ")
	require.Contains(t, advise(failed, "--since", "auto"), "; to begin this run of the chain again, run the same command")
	unknown := fetchtest.Options{Faults: []fetchtest.Fault{fetchtest.KickOff.Always(fetchtest.Reject(404))}}
	require.Contains(t, advise(unknown), "; check the base URL http://127.0.0.1:")
	require.Contains(t, advise(unknown, "--group", "g"), " and --group g")
	require.Contains(t, advise(fetchtest.Options{}, "--auth", "basic"), "basic needs a client id (--client-id, SLUICE_FETCH_CLIENT_ID)")

	server := fetchtest.New(t, fetchtest.Options{TLS: true})
	_, _, stderr := runFetch(t, strings.Replace(server.BaseURL, "127.0.0.1", "localhost", 1), "-o", t.TempDir(), "--ca-file", server.CAFile)
	require.Contains(t, stderr, "certificate is valid for")
	require.NotContains(t, stderr, "--ca-file FILE")

	full := withAdvice(&fetch.Error{Kind: fetch.Local, Err: &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}})
	require.ErrorContains(t, full, "free space and run the same command again")

	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, nil, 0o600))
	_, _, stderr = runFetch(t, "keygen", "-o", key)
	require.Equal(t, "sluice: "+key+" exists and is not replaced: name another file\n", stderr)
}

// With JSON, all results are log lines.
func TestFetchResultsInJSON(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 3),
		Faults: []fetchtest.Fault{fetchtest.Status.Nth(2, fetchtest.Reject(410))}})
	dir := t.TempDir()
	code, _, stderr := runFetch(t, server.BaseURL, "-o", dir, "-q")
	require.Zero(t, code, stderr)
	_, _, stderr = runFetch(t, "verify", dir, "--log", "json")
	require.Contains(t, stderr, `"msg":"verified","folder":"","files":1,"resources":3,`)
	require.NoError(t, os.Remove(filepath.Join(dir, "Patient.0001.ndjson.gz")))
	_, _, stderr = runFetch(t, "verify", dir, "--log", "json")
	require.NotContains(t, stderr, `"export":""`)

	other := t.TempDir()
	code, _, stderr = runFetch(t, server.BaseURL, "-o", other, "--log", "json")
	require.Equal(t, 4, code, stderr)
	require.Contains(t, stderr, `"command":"fetch <base-url>"`)
	_, _, stderr = runFetch(t, "cancel", other, "--log", "json")
	require.Contains(t, stderr, `"level":"INFO","msg":"the export is deleted on the server"`)
}

// Files with credentials take precedence over secrets in the environment.
func TestFetchFilesBeforeEnvironment(t *testing.T) {
	folder := t.TempDir()
	secret, key := filepath.Join(folder, "secret"), filepath.Join(folder, "key.json")
	require.NoError(t, os.WriteFile(secret, []byte("hunter2"), 0o600))
	code, public, stderr := runFetch(t, "keygen", "-o", key)
	require.Zero(t, code, stderr)
	var keys jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal([]byte(public), &keys))
	t.Setenv("SLUICE_FETCH_SECRET", "of another server")
	t.Setenv("SLUICE_FETCH_TOKEN", "of another server")
	for name, test := range map[string]struct {
		auth fetchtest.Auth
		args []string
	}{
		"key":    {fetchtest.Auth{Method: fetchtest.SMARTAuth, ClientID: "me", Keys: keys}, []string{"--client-id=me", "--key=" + key}},
		"token":  {fetchtest.Auth{Method: fetchtest.BearerAuth, Token: "hunter2"}, []string{"--token-file=" + secret}},
		"secret": {fetchtest.Auth{Method: fetchtest.BasicAuth, ClientID: "me", Secret: "hunter2"}, []string{"--client-id=me", "--secret-file=" + secret}},
	} {
		t.Run(name, func(t *testing.T) {
			server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 1), Auth: test.auth})
			code, _, stderr := runFetch(t, append([]string{server.BaseURL, "-o", t.TempDir()}, test.args...)...)
			require.Zero(t, code, stderr)
		})
	}
}

// An interrupted copy says how to continue, and continues.
func TestFetchInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 2, 10),
		Faults: []fetchtest.Fault{fetchtest.Status.Nth(1, fetchtest.Do(cancel), fetchtest.Reject(503))}})
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	code := Run(ctx, []string{"fetch", server.BaseURL, "-o", dir}, &stdout, &stderr)
	require.Equal(t, 130, code, stderr.String())
	require.Contains(t, stderr.String(), "run the same command again to continue, or sluice fetch cancel "+dir)
	require.Contains(t, stderr.String(), "sluice: interrupted")

	code, _, problems := runFetch(t, "--resume", dir)
	require.Equal(t, 0, code, problems)
	require.Contains(t, problems, "continuing: the export has no files yet")
	require.Len(t, server.Requests(fetchtest.KickOff), 1)
}

// The cancellation of a copy that has stored all files keeps them, and says so.
func TestFetchCancelComplete(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 2, 10),
		Faults: []fetchtest.Fault{fetchtest.Delete.Nth(1, fetchtest.Do(cancel), fetchtest.Stall())}})
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	code := Run(ctx, []string{"fetch", server.BaseURL, "-o", dir}, &stdout, &stderr)
	require.Equal(t, 130, code, stderr.String())

	code, _, problems := runFetch(t, "cancel", dir)
	require.Equal(t, 0, code, problems)
	require.Contains(t, problems, "the copy was complete: its files are kept; the export is deleted on the server")
	require.Zero(t, server.Exports())
	code, _, problems = runFetch(t, "verify", dir)
	require.Equal(t, 0, code, problems)
}
