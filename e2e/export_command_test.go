package e2e

import (
	"encoding/json"
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
)

// Commands for exports: what operators see of them and how they end them.
func TestExportCommands(t *testing.T) {
	t.Parallel()
	j, address := newJourneyWithAPI(t)
	stdout, _ := j.sluice(cli.ExitOK, "export", "list")
	require.Regexp(t, `^ID +CLIENT +STATE +LEVEL +ACCEPTED +READ +FILES +SIZE +NOTE\n$`, stdout)

	_, stopWorker := j.start("worker")
	completed := j.ask(http.MethodGet, address+"/fhir/$export").header.Get("Content-Location")
	require.Equal(t, http.StatusOK, j.poll(completed).status)
	stopWorker()
	accepted := j.ask(http.MethodGet, address+"/fhir/Patient/$export?_type=Patient&_typeFilter=Patient%3F_id%3Dp1").header.Get("Content-Location")
	completedID, acceptedID := path.Base(completed), path.Base(accepted)

	t.Run("List", func(t *testing.T) {
		stdout, _ := j.sluice(cli.ExitOK, "export", "list")
		require.Regexp(t, `(?m)^`+acceptedID+` +a +accepted +patient +\S+Z +0% +0 +0 B *\n`+completedID+` +a +completed +system +\S+Z +100% +1 +\d+ B *\n\z`, stdout)
		for _, args := range [][]string{{"--state=completed"}, {"--level=system"}, {"--state=failed,completed", "--client=a", "--since=1h"}} {
			stdout, _ = j.sluice(cli.ExitOK, append([]string{"export", "list", "--format=json"}, args...)...)
			var page struct {
				Exports []struct {
					ID, Client, State, Level string
					FilesStored              int
				}
				Next string
			}
			require.NoError(t, json.Unmarshal([]byte(stdout), &page))
			require.Len(t, page.Exports, 1, args)
			require.Equal(t, completedID, page.Exports[0].ID)
			require.Equal(t, "completed", page.Exports[0].State)
			require.Equal(t, 1, page.Exports[0].FilesStored)
			require.Empty(t, page.Next)
		}
		stdout, _ = j.sluice(cli.ExitOK, "export", "list", "--limit=1")
		first, next, found := strings.Cut(strings.TrimSpace(stdout), "\nMore: --after ")
		require.True(t, found, stdout)
		require.Contains(t, first, acceptedID)
		stdout, _ = j.sluice(cli.ExitOK, "export", "list", "--limit=1", "--after", next)
		require.Contains(t, stdout, completedID)
		require.NotContains(t, stdout, "More")

		for _, wrong := range []string{"--state=done", "--level=x", "--limit=0", "--since=tomorrow"} {
			j.sluice(cli.ExitUsage, "export", "list", wrong)
		}
		_, stderr := j.sluice(cli.ExitFailed, "export", "list", "--after=x")
		require.Equal(t, "sluice: --after must be a position that sluice export list has printed, got \"x\"\n", stderr)
	})

	t.Run("Show", func(t *testing.T) {
		stdout, _ := j.sluice(cli.ExitOK, "export", "show", completedID)
		for _, line := range []string{
			`id +` + completedID, `client +a`, `state +completed`, `request +system level, resources; \d+ types: .*Patient.*; fhir format`,
			`accepted +\S+Z \(\d+s ago\)`, `started +\S+Z .*`, `snapshot +\S+Z .*`, `planned +\S+Z .*`, `progress +\S+Z .*`, `finished +\S+Z .*`,
			`expires +\S+Z \(in \S+\)`, `transactionTime +\S+Z`, `parts +(\d+) of \d+ done`, `written +2 resources or rows in 1 files, \d+ B`,
			`Patient +output +1/1 +0 +\S+ \S+ +\S+ \S+ +2 +1 +\d+ B`, `Patient\.\S+\.ndjson\.gz +2 +\d+ +[0-9a-f]{64}`,
		} {
			require.Regexp(t, `(?m)^`+line+` *$`, stdout)
		}
		stdout, _ = j.sluice(cli.ExitOK, "export", "show", acceptedID, "--format=json")
		require.NotContains(t, stdout, "p1")
		var export struct {
			State   string
			Request struct {
				Types   []string
				Filters map[string]int
			}
			Files, RunningParts, Types []any
		}
		require.NoError(t, json.Unmarshal([]byte(stdout), &export))
		require.Equal(t, "accepted", export.State)
		require.Equal(t, map[string]int{"Patient": 1}, export.Request.Filters)
		require.Equal(t, [][]any{{}, {}, {}}, [][]any{export.Files, export.RunningParts, export.Types})
	})

	t.Run("End", func(t *testing.T) {
		_, stderr := j.sluice(cli.ExitFailed, "export", "expire", acceptedID)
		require.Equal(t, "sluice: export "+acceptedID+" is not completed; only completed exports can expire\n", stderr)
		stdout, stderr := j.sluice(cli.ExitOK, "export", "cancel", acceptedID, "--log-format=json")
		require.Equal(t, "export "+acceptedID+" of client a cancelled (it was accepted). Its status URL returns 404; workers delete its files.\n", stdout)
		require.Regexp(t, `"msg":"export cancelled","export":"`+acceptedID+`","client":"a",.*"by":"operator"`, stderr)
		require.Regexp(t, `"msg":"audit","audit":{"action":"client cancel export","outcome":"done","client":"a","actor":"\S+@\S+","role":"postgres","change":\d+,"details":{"export":"`+acceptedID+`","state":"accepted"}}`, stderr)
		require.Equal(t, http.StatusNotFound, j.ask(http.MethodGet, accepted).status)
		_, stderr = j.sluice(cli.ExitFailed, "export", "cancel", acceptedID)
		require.Equal(t, "sluice: export "+acceptedID+" was already cancelled\n", stderr)

		stdout, _ = j.sluice(cli.ExitOK, "export", "expire", completedID)
		require.Equal(t, "export "+completedID+" of client a expired (it was completed). Its status URL returns 410; workers delete its files.\n", stdout)
		require.Equal(t, http.StatusGone, j.ask(http.MethodGet, completed).status)
		j.sluice(cli.ExitFailed, "export", "expire", completedID)
		stdout, _ = j.sluice(cli.ExitOK, "client", "show", "a")
		require.Regexp(t, `cancel export by \S+@\S+ \(role postgres\): export: `+acceptedID+`; state: accepted\n`, stdout)
		require.Regexp(t, `expire export by \S+@\S+ \(role postgres\): export: `+completedID+`; state: completed\n`, stdout)

		// A worker deletes the files.
		j.start("worker")
		eventually(t, "files are deleted", func() (bool, any) {
			stdout, _ := j.sluice(cli.ExitOK, "export", "show", completedID)
			return strings.Contains(stdout, "files deleted") && strings.Contains(stdout, "in 0 files"), stdout
		})
	})

	for _, command := range []string{"show", "cancel", "expire"} {
		_, stderr := j.sluice(cli.ExitFailed, "export", command, "0f8fad5b-d9cb-469f-a165-70867728950e")
		require.Equal(t, "sluice: no export has the id 0f8fad5b-d9cb-469f-a165-70867728950e\n", stderr)
		_, stderr = j.sluice(cli.ExitUsage, "export", command, "x")
		require.Contains(t, stderr, `the id of an export must be a UUID such as 0f8fad5b-d9cb-469f-a165-70867728950e, got "x"`)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
}
