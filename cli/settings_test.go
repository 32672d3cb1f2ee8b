package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

// generatedMark ends the part of docs/configuration.md that is written by hand.
const generatedMark = "<!-- Generated: go test ./cli -run TestConfigurationDoc -update -->\n"

// docs/configuration.md lists every setting as the code defines it.
func TestConfigurationDoc(t *testing.T) {
	t.Parallel()
	const file = "../docs/configuration.md"
	document, err := os.ReadFile(file)
	require.NoError(t, err)
	byHand, got, found := strings.Cut(string(document), generatedMark)
	require.True(t, found, "%s lacks the line %q", file, generatedMark)
	want := configurationDoc(t)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(byHand+generatedMark+want), 0o600))
		return
	}
	require.Equal(t, want, got, "run go test ./cli -run TestConfigurationDoc -update")
}

// configurationDoc renders the settings of serve by group.
func configurationDoc(t *testing.T) string {
	t.Helper()
	flags := map[string][]*kong.Flag{}
	for _, level := range command(t, "serve").AllFlags(true) {
		for _, flag := range level {
			if len(flag.Envs) > 0 {
				require.NotNil(t, flag.Group, flag.Name)
				flags[flag.Group.Key] = append(flags[flag.Group.Key], flag)
			}
		}
	}
	processes := map[string]string{}
	for _, process := range []string{"api", "worker"} {
		for _, level := range command(t, process).AllFlags(true) {
			for _, flag := range level {
				processes[flag.Name] = strings.TrimPrefix(processes[flag.Name]+", "+process, ", ")
			}
		}
	}

	var doc strings.Builder
	for _, group := range groups {
		if len(flags[group.Key]) == 0 { // of another command
			continue
		}
		fmt.Fprintf(&doc, "\n## %s\n\n| variable | flag | default | process | description |\n|---|---|---|---|---|\n", strings.TrimSuffix(group.Title, ":"))
		for _, flag := range flags[group.Key] {
			value := ""
			if flag.HasDefault {
				value = "`" + flag.Default + "`"
			}
			help := strings.NewReplacer("|", "\\|", "<", "\\<").Replace(flag.Help)
			fmt.Fprintf(&doc, "| `%s` | `--%s` | %s | %s | %s |\n", flag.Envs[0], flag.Name, value, processes[flag.Name], help)
		}
	}
	return doc.String()
}

// command returns the model of a command.
func command(t *testing.T, name string) *kong.Node {
	t.Helper()
	parser, err := newParser(&cli{}, &bytes.Buffer{}, &bytes.Buffer{}, func(int) {})
	require.NoError(t, err)
	for _, node := range parser.Model.Leaves(false) {
		if node.Name == name {
			return node
		}
	}
	require.Fail(t, "no such command", name)
	return nil
}

// settingPattern matches a setting in a document.
var settingPattern = regexp.MustCompile(`SLUICE_[A-Z0-9_]*[A-Z0-9]`)

// Documents mention no settings that do not exist.
func TestDocumentedSettings(t *testing.T) {
	t.Parallel()
	parser, err := newParser(&cli{}, &bytes.Buffer{}, &bytes.Buffer{}, func(int) {})
	require.NoError(t, err)
	known := knownVariables(parser.Model)
	documents, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	for _, document := range append(documents, "../README.md", "../CONTRIBUTING.md", "../compose.yaml", "../Dockerfile") {
		content, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, name := range settingPattern.FindAllString(string(content), -1) {
			require.True(t, known[name] || name == "SLUICE_VERSION", "%s: %s", document, name)
		}
	}
}

// The variable of a setting is derived from its flag, so that errors can name both.
func TestSettingNames(t *testing.T) {
	t.Parallel()
	for _, level := range command(t, "serve").AllFlags(false) {
		for _, flag := range level {
			if len(flag.Envs) > 0 && flag.Name != "table" {
				require.Equal(t, "--"+flag.Name+" ("+flag.Envs[0]+")", setting(flag.Name))
			}
		}
	}
}

// The error for an invalid setting is one line that names the setting.
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
		{"NoDatabase", []string{"serve", "--s3-url=http://k:s@h/b"}, ExitUsage, "no database: set --source-url (SLUICE_SOURCE_URL)"},
		{"NoState", []string{"client", "list"}, ExitUsage, "no database: set --source-url (SLUICE_SOURCE_URL)"},
		{"NoSource", []string{"serve", "--state-url=postgres://h/d", "--s3-url=http://k:s@h/b"}, ExitUsage, "--source-url (SLUICE_SOURCE_URL)"},
		{"BadState", serve("--state-url=postgres://u:hunter2@h:port/d"), ExitFailed, "--state-url (SLUICE_STATE_URL)"},
		{"StateOnly", []string{"migrate", "--state-url=postgres://u:hunter2@127.0.0.1:1/d"}, ExitFailed, "connection refused"},
		{"NoBucket", []string{"api", "--source-url=postgres://h/d"}, ExitUsage, "no object store: set --s3-url (SLUICE_S3_URL)"},
		{"BadDatabase", []string{"migrate", "--source-url=postgres://u:hunter2@h:port/d"}, ExitFailed, "--source-url (SLUICE_SOURCE_URL)"},
		{"ConnectionRefused", []string{"migrate", "--source-url=postgres://u:hunter2@127.0.0.1:1/d"}, ExitFailed, "connection refused"},
		{"BadS3", []string{"serve", "--source-url=postgres://u@127.0.0.1:1/d", "--s3-url=ftp://k:hunter2@h/b"}, ExitFailed, "--s3-url (SLUICE_S3_URL)"},
		{"BadBaseURL", serve("--base-url=example.org"), ExitUsage, `--base-url (SLUICE_BASE_URL) must be a URL such as https://fhir.example.org, got "example.org"`},
		{"BadAttachmentURL", serve("--attachment-base-url=example.org"), ExitUsage, "--attachment-base-url (SLUICE_ATTACHMENT_BASE_URL) must be a URL"},
		{"NoShutdown", serve("--shutdown-timeout=0s"), ExitUsage, "--shutdown-timeout (SLUICE_SHUTDOWN_TIMEOUT) must be greater than zero, for example 30s or 1h, got 0s"},
		{"LongLinks", serve("--link-ttl=200h"), ExitUsage, "--link-ttl (SLUICE_LINK_TTL) must be between 1s and 168h0m0s, got 200h0m0s"},
		{"Keywords", []string{"migrate", "--source-url=host=h password = hunter2 x"}, ExitFailed, "--source-url (SLUICE_SOURCE_URL)"},
		{"NoURL", serve("--source-url=garbage"), ExitFailed, "--source-url (SLUICE_SOURCE_URL)"},
		{"ManySlots", serve("--slots=100000"), ExitUsage, "--slots (SLUICE_SLOTS) must be between 0 and 1000, got 100000"},
		{"NegativeSlots", serve("--slots=-1"), ExitUsage, "--slots (SLUICE_SLOTS) must be between 0 and 1000, got -1"},
		{"NoDumps", serve("--max-dumps=0"), ExitUsage, "--max-dumps (SLUICE_MAX_DUMPS) must be between 1 and 1000, got 0"},
		{"ManyConnections", serve("--max-connections-per-dump=2000"), ExitUsage, "--max-connections-per-dump (SLUICE_MAX_CONNECTIONS_PER_DUMP)"},
		{"NoParts", serve("--part-size=0"), ExitUsage, "SLUICE_PART_SIZE"},
		{"SmallParts", serve("--part-size=8KiB"), ExitUsage, "--part-size (SLUICE_PART_SIZE) must be at least 64KiB, got 8192 bytes"},
		{"SmallFiles", serve("--max-file-size=1"), ExitUsage, "--max-file-size (SLUICE_MAX_FILE_SIZE) must be at least 64KiB, got 1 bytes"},
		{"NoWindow", serve("--export-window=0"), ExitUsage, "--export-window (SLUICE_EXPORT_WINDOW) must be at least 1, got 0"},
		{"BadClientLimit", serve("--max-exports-per-client=-1"), ExitUsage, "--max-exports-per-client (SLUICE_MAX_EXPORTS_PER_CLIENT) must be at least 0, got -1"},
		{"BadTotalLimit", serve("--max-exports=-1"), ExitUsage, "SLUICE_MAX_EXPORTS"},
		{"BadMargin", serve("--source-commit-margin=-1s"), ExitUsage, "--source-commit-margin (SLUICE_SOURCE_COMMIT_MARGIN) must be at least 0s, got -1s"},
		{"BadTimeout", serve("--export-timeout=0"), ExitUsage, "SLUICE_EXPORT_TIMEOUT"},
		{"BadRate", serve("--read-bytes-per-second=fast"), ExitUsage, `--read-bytes-per-second: must be a size such as 256MiB, got "fast"`},
		{"BadSize", serve("--part-size=large"), ExitUsage, "--part-size"},
		{"BadDuration", serve("--file-retention=tomorrow"), ExitUsage, `--file-retention: must be a duration such as 90s, 12h, 7d or 1d12h, got "tomorrow"`},
		{"UnitWithoutNumber", serve("--file-retention=d"), ExitUsage, "--file-retention"},
		{"DaysLast", serve("--file-retention=1h1d"), ExitUsage, "--file-retention"},
		{"NegativeDays", serve("--file-retention=-1d"), ExitUsage, "SLUICE_FILE_RETENTION"},
		{"FirstOfMany", serve("--file-retention=0", "--slots=-1", "--outage-limit=0"), ExitUsage, "SLUICE_SLOTS"},
		{"OriginWithoutScheme", serve("--cors-origins=https://a.example,app.example.org"), ExitUsage, "SLUICE_CORS_ORIGINS"},
		{"OriginWithPath", serve("--cors-origins=https://app.example.org/"), ExitUsage, "SLUICE_CORS_ORIGINS"},
		{"OriginWithOwnPort", serve("--cors-origins=https://app.example.org:443"), ExitUsage, "SLUICE_CORS_ORIGINS"},
		{"BadForm", serve("--jsonb=binary"), ExitUsage, `--jsonb must be one of "auto","text","stored" but got "binary"`},
		{"BadVersionID", serve("--meta-version-id=uuid"), ExitUsage, "--meta-version-id"},
		{"BadFileAccess", serve("--file-access=links"), ExitUsage, "--file-access"},
		{"BadLevel", []string{"version", "--log-level=loud"}, ExitUsage, "--log-level"},
		{"NoScope", []string{"client", "add", "a", "--source-url=postgres://h/d"}, ExitUsage, "--scope"},
		{"NoFile", []string{"load", "--source-url=postgres://u@127.0.0.1:1/d", "missing.ndjson"}, ExitFailed, "missing.ndjson"},
		{"LoadWithoutDatabase", []string{"load", "missing.ndjson"}, ExitUsage, "SLUICE_SOURCE_URL"},
		{"BadEncryption", serve("--s3-encryption=AES"), ExitFailed, "SSE-KMS"},
		{"CertWithoutKey", serve("--tls-cert=cert.pem"), ExitUsage, "--tls-cert (SLUICE_TLS_CERT) and --tls-key (SLUICE_TLS_KEY) must be set together"},
		{"BadProxy", serve("--tls-cert=/nowhere/cert.pem", "--tls-key=/nowhere/key.pem", "--trusted-proxies=nowhere"), ExitUsage, "--trusted-proxies"},
		{"FewFailures", serve("--login-failures-per-minute=-1"), ExitUsage, "SLUICE_LOGIN_FAILURES_PER_MINUTE"},
		{"BadRequests", serve("--client-requests-per-minute=-1"), ExitUsage, "SLUICE_CLIENT_REQUESTS_PER_MINUTE"},
		{"NothingToChange", []string{"client", "change", "a", "--source-url=postgres://h/d"}, ExitUsage, "nothing to change"},
		{"BadTime", []string{"client", "expire", "a", "soon", "--source-url=postgres://h/d"}, ExitUsage, "soon"},
		{"UnknownCommand", []string{"bogus"}, ExitUsage, "bogus"},
		{"NoCommand", nil, ExitUsage, "serve"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			require.Equal(t, test.code, Run(t.Context(), test.args, &stdout, &stderr))
			require.Contains(t, strings.ReplaceAll(stderr.String(), `\"`, `"`), test.want)
			require.Equal(t, 1, strings.Count(stderr.String(), "\n"), "one sentence: %s", stderr.String())
			require.NotContains(t, stderr.String(), "hunter2")
		})
	}
}

// If reserved characters of a password are not percent-encoded, parts of it are parsed as
// host, port, database or parameters of the URL. No command shows them.
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

// Sessions of the state database have the settings that Sluice relies on, whatever the
// database sets.
func TestStateSessionSettings(t *testing.T) {
	t.Parallel()
	address := sourcetest.Database(t)
	sourcetest.Execute(t, address, `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET client_encoding = LATIN1', current_database());
		EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database());
		EXECUTE format('ALTER DATABASE %I SET datestyle = German', current_database());
	END $$`)
	for _, session := range []map[string]string{stateSession, migrateSession} {
		settings := stateSettings{StateURL: address}
		pool, err := settings.openWith(t.Context(), nil, session)
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

// The server ends idle transactions and long statements of the state database, unless the
// URL has other limits or it is a migration.
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
		settings := stateSettings{StateURL: address + c.parameters}
		pool, err := settings.openWith(t.Context(), nil, c.session)
		require.NoError(t, err)
		var got [3]string
		err = pool.QueryRow(t.Context(), `SELECT current_setting('idle_in_transaction_session_timeout'),
			current_setting('lock_timeout'), current_setting('statement_timeout')`).Scan(&got[0], &got[1], &got[2])
		pool.Close()
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
}
