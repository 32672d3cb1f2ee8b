package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

var update = flag.Bool("update", false, "write the README's table of settings anew")

const (
	tableBegin = "<!-- settings: go test ./cli -run TestREADME -update -->\n"
	tableEnd   = "<!-- end of settings -->\n"
)

// The README lists every setting as the code has it.
func TestREADMESettings(t *testing.T) {
	t.Parallel()

	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(readme), tableBegin)
	require.True(t, found, "the README lacks the line %q", tableBegin)
	table, after, found := strings.Cut(rest, tableEnd)
	require.True(t, found, "the README lacks the line %q", tableEnd)

	want := settingsTable(t)
	if *update {
		require.NoError(t, os.WriteFile("../README.md", []byte(before+tableBegin+want+tableEnd+after), 0o600))
		return
	}
	require.Equal(t, want, table, "run go test ./cli -run TestREADME -update")
}

// settingsTable renders the flags of all commands that have an environment
// variable, each once.
func settingsTable(t *testing.T) string {
	t.Helper()
	parser, err := newParser(&cli{}, &bytes.Buffer{}, &bytes.Buffer{}, func(int) {})
	require.NoError(t, err)

	var table strings.Builder
	table.WriteString("| variable | flag | default | what it is |\n|---|---|---|---|\n")
	listed := map[string]bool{}
	row := func(f *kong.Flag) {
		if len(f.Envs) == 0 || f.Hidden || listed[f.Envs[0]] {
			return
		}
		listed[f.Envs[0]] = true
		byDefault := ""
		if f.HasDefault {
			byDefault = "`" + f.Default + "`"
		}
		fmt.Fprintf(&table, "| `%s` | `--%s` | %s | %s |\n", f.Envs[0], f.Name, byDefault, strings.ReplaceAll(f.Help, "|", "\\|"))
	}
	for _, command := range parser.Model.Leaves(true) {
		for _, group := range command.AllFlags(true) {
			for _, f := range group {
				row(f)
			}
		}
	}
	return table.String()
}

// Each setting that makes no sense is told in one sentence that names it.
func TestSettingsRefused(t *testing.T) {
	t.Parallel()

	serve := func(args ...string) []string {
		return append([]string{"serve", "--source-url=postgres://u@127.0.0.1:1/d", "--s3-url=http://k:s@127.0.0.1:1/bucket"}, args...)
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"NoDatabase", []string{"serve", "--s3-url=http://k:s@h/b"}, ExitUsage, "SLUICE_SOURCE_URL"},
		{"NoSource", []string{"serve", "--state-url=postgres://h/d", "--s3-url=http://k:s@h/b"}, ExitUsage, "SLUICE_SOURCE_URL"},
		{"BadState", serve("--state-url=postgres://u:hunter2@h:port/d"), ExitFailed, "SLUICE_STATE_URL"},
		{"StateOnly", []string{"migrate", "--state-url=postgres://u:hunter2@127.0.0.1:1/d"}, ExitFailed, "connection refused"},
		{"NoBucket", []string{"api", "--source-url=postgres://h/d"}, ExitUsage, "SLUICE_S3_URL"},
		{"BadDatabase", []string{"migrate", "--source-url=postgres://u:hunter2@h:port/d"}, ExitFailed, "SLUICE_SOURCE_URL"},
		{"NobodyThere", []string{"migrate", "--source-url=postgres://u:hunter2@127.0.0.1:1/d"}, ExitFailed, "connection refused"},
		{"BadS3", []string{"serve", "--source-url=postgres://u@127.0.0.1:1/d", "--s3-url=ftp://k:hunter2@h/b"}, ExitFailed, "SLUICE_S3_URL"},
		{"BadBaseURL", serve("--base-url=example.org"), ExitUsage, "SLUICE_BASE_URL"},
		{"NoTime", serve("--stall-timeout=0s"), ExitUsage, "SLUICE_STALL_TIMEOUT"},
		{"LongLinks", serve("--link-life=200h"), ExitUsage, "SLUICE_LINK_LIFE"},
		{"SpelledOut", []string{"migrate", "--source-url=host=h password = hunter2 x"}, ExitFailed, "SLUICE_SOURCE_URL"},
		{"FewSourceConns", serve("--source-conns=3"), ExitFailed, "SLUICE_SOURCE_CONNS"},
		{"FewConns", serve("--database-conns=0"), ExitUsage, "SLUICE_DATABASE_CONNS"},
		{"NoURL", serve("--source-url=garbage"), ExitFailed, "SLUICE_SOURCE_URL"},
		{"ManySlots", serve("--slots=100000"), ExitUsage, "SLUICE_SLOTS"},
		{"NoDumps", serve("--max-dumps=0"), ExitUsage, "SLUICE_MAX_DUMPS"},
		{"NoParts", serve("--part-size=0"), ExitUsage, "SLUICE_PART_SIZE"},
		{"SmallParts", serve("--part-size=8KiB"), ExitUsage, "SLUICE_PART_SIZE (--part-size) must be at least 64KiB, got 8192 bytes"},
		{"SmallFiles", serve("--max-file-size=1"), ExitUsage, "SLUICE_MAX_FILE_SIZE (--max-file-size) must be at least 64KiB, got 1 bytes"},
		{"NoWindow", serve("--export-window=0"), ExitUsage, "SLUICE_EXPORT_WINDOW"},
		{"BadClientLimit", serve("--client-exports=-1"), ExitUsage, "SLUICE_CLIENT_EXPORTS"},
		{"BadTotalLimit", serve("--total-exports=-1"), ExitUsage, "SLUICE_TOTAL_EXPORTS"},
		{"BadRate", serve("--read-rate=fast"), ExitUsage, "--read-rate"},
		{"BadSize", serve("--part-size=large"), ExitUsage, "--part-size"},
		{"BadDuration", serve("--retention=tomorrow"), ExitUsage, "--retention"},
		{"DayOfNothing", serve("--retention=d"), ExitUsage, "--retention"},
		{"DaysLast", serve("--retention=1h1d"), ExitUsage, "--retention"},
		{"NegativeDays", serve("--retention=-1d"), ExitUsage, "SLUICE_RETENTION"},
		{"OriginWithoutScheme", serve("--cors-origins=https://a.example,app.example.org"), ExitUsage, "SLUICE_CORS_ORIGINS"},
		{"OriginWithPath", serve("--cors-origins=https://app.example.org/"), ExitUsage, "SLUICE_CORS_ORIGINS"},
		{"OriginWithOwnPort", serve("--cors-origins=https://app.example.org:443"), ExitUsage, "SLUICE_CORS_ORIGINS"},
		{"BadChoice", serve("--version-id=uuid"), ExitUsage, "--version-id"},
		{"BadLevel", []string{"version", "--log-level=loud"}, ExitUsage, "--log-level"},
		{"NoScope", []string{"client", "add", "a", "--source-url=postgres://h/d"}, ExitUsage, "--scope"},
		{"NoFile", []string{"load", "--source-url=postgres://u@127.0.0.1:1/d", "missing.ndjson"}, ExitFailed, "missing.ndjson"},
		{"BadEncryption", serve("--s3-encryption=AES"), ExitFailed, "SSE-KMS"},
		{"CertAlone", serve("--tls-cert=cert.pem"), ExitUsage, "SLUICE_TLS_KEY"},
		{"NoCert", serve("--tls-cert=/nowhere/cert.pem", "--tls-key=/nowhere/key.pem", "--proxies=nowhere"), ExitUsage, "--proxies"},
		{"LongTokens", serve("--token-life=48h"), ExitUsage, "SLUICE_TOKEN_LIFE"},
		{"HMAC", serve("--token-algorithms=HS256"), ExitUsage, "--token-algorithms"},
		{"FewFailures", serve("--failures=-1"), ExitUsage, "SLUICE_FAILURES"},
		{"BadRates", serve("--client-dumps=-1"), ExitUsage, "SLUICE_CLIENT_DUMPS"},
		{"NothingToChange", []string{"client", "change", "a", "--source-url=postgres://h/d"}, ExitUsage, "nothing to change"},
		{"BadMoment", []string{"client", "expire", "a", "soon", "--source-url=postgres://h/d"}, ExitUsage, "soon"},
		{"UnknownCommand", []string{"bogus"}, ExitUsage, "bogus"},
		{"NoCommand", nil, ExitUsage, "serve"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			require.Equal(t, test.code, Run(t.Context(), test.args, &stdout, &stderr))
			require.Contains(t, stderr.String(), test.want)
			require.Equal(t, 1, strings.Count(stderr.String(), "\n"), "one sentence: %s", stderr.String())
			require.NotContains(t, stderr.String(), "hunter2")
		})
	}
}

// A password or secret whose reserved characters are not percent-encoded moves parts
// of it into the host, the port, the database or the parameters of the URL. No command
// shows any of them.
func TestSecretsNotShown(t *testing.T) {
	t.Parallel()

	type refused struct {
		name string
		args []string
	}
	var cases []refused
	add := func(name string, args ...string) { cases = append(cases, refused{name, args}) }
	database := "postgres://u@127.0.0.1:1/d"
	urls := map[string]string{
		"At": "postgres://u:left@hunter2@127.0.0.1:1/d", "Slash": "postgres://u:1/hunter2@127.0.0.1:1/d",
		"AtSlash": "postgres://u:left@hunter2/right@127.0.0.1:1/d", "AtSlashHost": "postgres://u:hunter2@left/hunter2@127.0.0.1:1/d",
		"Question": "postgres://u:1?hunter2=x@127.0.0.1:1/d", "AtQuestion": "postgres://u:left@hunter2?x=y@127.0.0.1:1/d",
		"Hash": "postgres://u:1#hunter2@127.0.0.1:1/d", "Colon": "postgres://u:1:hunter2@127.0.0.1:1/d",
		"Percent": "postgres://u:%hunter2@127.0.0.1:1/d", "NoUser": "postgres://hunter2:hunter2/d",
		"Keywords": "host=127.0.0.1 port=1 password=left hunter2 user=u", "KeywordsAt": "host=127.0.0.1 port=1 password='hunter2",
		"Mode": "postgres://u:hunter2@127.0.0.1:1/d?sslmode=maybe", "OtherScheme": "mysql://u:hunter2@127.0.0.1:1/d?x=y",
	}
	for name, url := range urls {
		add("Migrate"+name, "migrate", "--source-url="+url)
		add("Load"+name, "load", "--source-url="+url, "settings_test.go")
		add("Client"+name, "client", "list", "--source-url="+url)
		add("Serve"+name, "serve", "--source-url="+url, "--s3-url=http://k:s@127.0.0.1:1/bucket")
		add("Worker"+name, "worker", "--source-url="+url, "--s3-url=http://k:s@127.0.0.1:1/bucket")
		add("API"+name, "api", "--source-url="+url, "--s3-url=http://k:s@127.0.0.1:1/bucket")
		add("Flag"+name, "migrate", "--sorce-url="+url)
		add("Argument"+name, "migrate", url)
		add("Path"+name, "load", "--source-url="+database, url)
	}
	for name, url := range map[string]string{
		"Slash": "http://k:1/hunter2/x@127.0.0.1:1/bucket", "At": "http://k:left@hunter2@127.0.0.1:1/bucket",
		"SlashBucket": "http://hunter2:1/bucket/x@127.0.0.1:1/bucket", "Hash": "http://k:1#hunter2@127.0.0.1:1/bucket",
		"Question": "http://k:1?hunter2@127.0.0.1:1/bucket",
	} {
		add("S3"+name, "serve", "--source-url="+database, "--s3-url="+url)
		add("S3Public"+name, "serve", "--source-url="+database, "--s3-url=http://k:s@127.0.0.1:1/bucket", "--s3-public-url="+url)
		add("BaseURL"+name, "serve", "--source-url="+database, "--s3-url=http://k:s@127.0.0.1:1/bucket", "--base-url=x"+url)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			require.NotEqual(t, ExitOK, Run(t.Context(), c.args, &stdout, &stderr))
			require.NotContains(t, stdout.String()+stderr.String(), "hunter2")
			require.Equal(t, 1, strings.Count(stderr.String(), "\n"), "one sentence: %s", stderr.String())
		})
	}
}

// Sessions of the state database have the settings that Sluice relies on, and
// migrations make the state database where it is.
func TestStateSessionSettings(t *testing.T) {
	t.Parallel()
	address := sourcetest.Database(t)
	sourcetest.Execute(t, address, `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET client_encoding = LATIN1', current_database());
		EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database());
		EXECUTE format('ALTER DATABASE %I SET datestyle = German', current_database());
	END $$`)
	for _, session := range []map[string]string{stateSession, migrateSession} {
		settings := stateSettings{StateURL: address, DatabaseConns: 1}
		pool, err := settings.openWith(t.Context(), session)
		require.NoError(t, err)
		var got string
		err = pool.QueryRow(t.Context(), `SELECT concat_ws('|', current_setting('client_encoding'), current_setting('datestyle'),
			current_setting('default_transaction_isolation'), current_setting('row_security'))`).Scan(&got)
		pool.Close()
		require.NoError(t, err)
		require.Equal(t, "UTF8|ISO, MDY|read committed|off", got)
	}

	var stdout, stderr bytes.Buffer
	require.Equal(t, ExitFailed, Run(t.Context(), []string{"migrate", "--source-url=" + sourcetest.DatabaseIn(t, "SQL_ASCII")}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "SQL_ASCII")
	stdout.Reset()
	require.Equal(t, ExitOK, Run(t.Context(), []string{"migrate", "--source-url=" + sourcetest.DatabaseIn(t, "LATIN1")}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "migrations applied")
}

// The server ends the transaction of a process that is paused in its middle,
// and a statement that goes on for too long, unless the operator knows better
// or it is a migration.
func TestStateSession(t *testing.T) {
	t.Parallel()
	address := sourcetest.Database(t)
	for _, c := range []struct {
		parameters string
		session    map[string]string
		want       [3]string
	}{
		{"", stateSession, [3]string{"20s", "30s", "1min"}},
		{"&idle_in_transaction_session_timeout=5min&statement_timeout=10s", stateSession, [3]string{"5min", "30s", "10s"}},
		{"", migrateSession, [3]string{"20s", "0", "0"}},
	} {
		settings := stateSettings{StateURL: address + c.parameters, DatabaseConns: 1}
		pool, err := settings.openWith(t.Context(), c.session)
		require.NoError(t, err)
		var got [3]string
		err = pool.QueryRow(t.Context(), `SELECT current_setting('idle_in_transaction_session_timeout'),
			current_setting('lock_timeout'), current_setting('statement_timeout')`).Scan(&got[0], &got[1], &got[2])
		pool.Close()
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
}
