package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
)

// Exit codes tell scripts what has happened.
func TestFetchExitCodes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		faults []fetchtest.Fault
		server func(*fetchtest.Options)
		args   []string
		code   int
		says   string
	}{
		"bad flag":       {args: []string{"--level=planet"}, code: 1, says: "--level"},
		"login refused":  {server: func(o *fetchtest.Options) { o.Auth.Method = fetchtest.BearerAuth }, code: 2, says: "401"},
		"export refused": {faults: []fetchtest.Fault{fetchtest.KickOff.Always(fetchtest.RejectWith(422, "no such type"))}, code: 3, says: "no such type"},
		"export gone":    {faults: []fetchtest.Fault{fetchtest.Status.Always(fetchtest.Reject(404))}, code: 4, says: "does not know the export"},
		"incomplete": {
			faults: []fetchtest.Fault{fetchtest.Download.File("Patient.2.ndjson").Always(fetchtest.Reject(403))},
			server: func(o *fetchtest.Options) { o.Links.Fixed = true }, args: []string{"--retry-for=1s"}, code: 5, says: "403",
		},
		"unverified": {server: func(o *fetchtest.Options) { o.Files[0].Claim.Count = 7 }, code: 6, says: "7"},
		"issues": {
			server: func(o *fetchtest.Options) {
				o.Files = append(o.Files, fetchtest.Issues("OperationOutcome.2.ndjson", "error", "table is locked"))
			}, code: 7, says: "table is locked",
		},
		"ignored issues": {
			server: func(o *fetchtest.Options) {
				o.Files = append(o.Files, fetchtest.Issues("OperationOutcome.2.ndjson", "error", "table is locked"))
			}, args: []string{"--fail-on=never"}, code: cli.ExitOK, says: "table is locked",
		},
		"timeout": {faults: []fetchtest.Fault{fetchtest.Download.Always(fetchtest.Stall())}, args: []string{"--timeout=2s"}, code: 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := fetchtest.Options{Files: fetchFiles(), Faults: test.faults}
			if test.server != nil {
				test.server(&options)
			}
			f := newFetcher(t, test.args...)
			require.Equal(t, test.code, f.run(fetchtest.New(t, options).BaseURL), f.output.String())
			require.Contains(t, f.output.String(), test.says)
		})
	}
}

// A copy that cannot be completed is given up: the server can delete its export.
func TestFetchCancel(t *testing.T) {
	t.Parallel()
	s := fetchtest.New(t, fetchtest.Options{
		Files: fetchFiles(), Links: fetchtest.Links{Fixed: true}, MaxExports: 1,
		Faults: []fetchtest.Fault{fetchtest.Download.File("Patient.2.ndjson").First(2, fetchtest.Reject(403))},
	})
	f := newFetcher(t, "--retry-for=1s")
	require.Equal(t, 5, f.run(s.BaseURL), f.output.String())
	require.Equal(t, 1, s.Exports())

	j := &journey{t: t}
	_, stderr := j.run(cli.ExitOK, "fetch", "cancel", f.dir)
	require.Contains(t, stderr, "deleted")
	require.Zero(t, s.Exports())
	parts, err := filepath.Glob(filepath.Join(f.dir, "*.part"))
	require.NoError(t, err)
	require.Empty(t, parts)
	_, err = os.Stat(filepath.Join(f.dir, ".sluice-fetch.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
	newFetcher(t).complete(s.BaseURL)
}
