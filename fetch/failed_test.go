package fetch_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch"
	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/fetch/login"
)

// failure is a server that a run cannot succeed against.
type failure struct {
	faults []fetchtest.Fault
	server func(*fetchtest.Options)
	client func(*fetch.Options)
	kind   fetch.Kind
	text   string // of the error
	event  string // part of the text of the event of a file
	check  func(t *testing.T, s *fetchtest.Server, dir string)
}

// impatient repeats requests for a second.
func impatient(o *fetch.Options) {
	o.RetryFor, o.KickOffWait, o.Transfer.RetryFor = time.Second, time.Second, time.Second
}

// claims changes what the manifest says of the second file.
func claims(claim fetchtest.Claim) func(*fetchtest.Options) {
	return func(o *fetchtest.Options) {
		o.Files[1].Claim = claim
		o.Manifest.Sizes, o.Manifest.SHA256 = fetchtest.SizesPlain, true
	}
}

// requireRejected checks that a file was downloaded twice, that it is kept as .bad, and
// that the output is not complete.
func requireRejected(t *testing.T, s *fetchtest.Server, dir string) {
	t.Helper()
	require.Len(t, s.Requests(fetchtest.Download.File("Patient.2.ndjson")), 2)
	bad, err := filepath.Glob(filepath.Join(dir, "Patient.0002.ndjson*.bad"))
	require.NoError(t, err)
	require.Len(t, bad, 1)
	require.NoFileExists(t, filepath.Join(dir, "manifest.json"))
	require.FileExists(t, filepath.Join(dir, "Patient.0003.ndjson.gz"), "other files are stored")
	require.Empty(t, s.Requests(fetchtest.Delete), "the export is kept for another run")
}

var failures = map[string]failure{
	"kick-off refused": {
		faults: []fetchtest.Fault{fetchtest.KickOff.Always(fetchtest.RejectWith(400, "no such type: Foo"))},
		kind:   fetch.Refused, text: "no such type: Foo",
	},
	"kick-off forbidden": {
		faults: []fetchtest.Fault{fetchtest.KickOff.Always(fetchtest.RejectWith(403, "not yours"))},
		kind:   fetch.Refused, text: "not yours",
	},
	"too many exports": {
		faults: []fetchtest.Fault{fetchtest.KickOff.Always(fetchtest.Reject(429, retrySeconds))},
		kind:   fetch.Refused, client: impatient, text: "429",
	},
	"export failed": {
		faults: []fetchtest.Fault{fetchtest.Status.Always(fetchtest.RejectWith(500, "out of disk"))},
		kind:   fetch.Failed, client: impatient, text: "out of disk",
	},
	"export gone": {
		faults: []fetchtest.Fault{fetchtest.Status.Always(fetchtest.Reject(404))},
		kind:   fetch.Failed, text: "does not know the export",
	},
	"export gone with 410": {
		faults: []fetchtest.Fault{fetchtest.Status.Always(fetchtest.Reject(410))},
		kind:   fetch.Failed, text: "does not know the export",
	},
	"export cancelled by others": { // by FHIR Works on AWS
		faults: []fetchtest.Fault{fetchtest.Status.Always(fetchtest.Reply(200, "application/fhir+json", "Export job has been canceled"))},
		client: impatient, kind: fetch.Failed, text: "not a manifest",
	},
	"page of a proxy": {
		faults: []fetchtest.Fault{fetchtest.Status.Always(fetchtest.Reply(200, "text/html", "<html>Please log in</html>"))},
		client: impatient, kind: fetch.Failed, text: "not a manifest",
	},
	"no manifest": {
		faults: []fetchtest.Fault{fetchtest.Status.Always(fetchtest.Reply(200, "application/json", "{}"))},
		client: impatient, kind: fetch.Failed, text: "output is missing",
	},
	"no status URL": {
		faults: []fetchtest.Fault{fetchtest.KickOff.Always(fetchtest.Reply(202, "application/json", "{}"))},
		client: impatient, kind: fetch.Refused, text: "Content-Location",
	},
	"synchronous answer": {
		faults: []fetchtest.Fault{fetchtest.KickOff.Always(fetchtest.Reply(200, "application/fhir+json", `{"resourceType":"Bundle"}`))},
		client: impatient, kind: fetch.Refused, text: "does not export asynchronously",
	},
	"login refused": {
		server: withSecret, client: func(o *fetch.Options) {
			o.Login = login.Options{ClientID: "me", Secret: func() (string, error) { return "wrong!", nil }, Method: login.Secret}
		},
		kind: fetch.LoginRefused, check: func(t *testing.T, s *fetchtest.Server, _ string) {
			require.Empty(t, s.Requests(fetchtest.KickOff))
		},
	},
	"unauthorized": {
		server: func(o *fetchtest.Options) { o.Auth = fetchtest.Auth{Method: fetchtest.BearerAuth, Token: "swordfish"} },
		kind:   fetch.LoginRefused,
	},
	"wrong count":  {server: claims(fetchtest.Claim{Count: 601}), kind: fetch.Unverified, event: "601", check: requireRejected},
	"wrong size":   {server: claims(fetchtest.Claim{Size: 4711}), kind: fetch.Unverified, event: "4711", check: requireRejected},
	"wrong hash":   {server: claims(fetchtest.Claim{SHA256: strings.Repeat("ab", 32)}), kind: fetch.Unverified, event: "sha256", check: requireRejected},
	"wrong type":   {server: claims(fetchtest.Claim{Type: "Encounter"}), kind: fetch.Unverified, event: "Patient"},
	"always short": {faults: []fetchtest.Fault{smallPatients.Always(fetchtest.TruncateAfter(30_000))}, kind: fetch.Unverified, check: requireRejected},
	"file forbidden": {
		faults: []fetchtest.Fault{smallPatients.Always(fetchtest.Reject(403))},
		server: func(o *fetchtest.Options) { o.Links.Fixed = true },
		client: impatient, kind: fetch.Incomplete, event: "403",
	},
	"file unavailable": {
		faults: []fetchtest.Fault{smallPatients.Always(fetchtest.Reject(503, retrySeconds))},
		client: impatient, kind: fetch.Incomplete, event: "503",
	},
	"issues": {
		server: func(o *fetchtest.Options) {
			o.Files = append(o.Files, fetchtest.Issues("OperationOutcome.2.ndjson", "error", "lost", "lost"))
		},
		kind: fetch.HasIssues, text: "lost",
		check: func(t *testing.T, s *fetchtest.Server, dir string) {
			require.FileExists(t, filepath.Join(dir, "manifest.json"), "everything is stored")
			require.Zero(t, s.Exports())
		},
	},
	"timeout": {
		faults: []fetchtest.Fault{smallPatients.Always(fetchtest.StallAfter(1000))},
		client: func(o *fetch.Options) { o.Timeout = 2 * time.Second }, kind: fetch.TimedOut,
	},
}

// TestFailures checks the kinds of errors, and that no secret is in them or in what is
// stored.
func TestFailures(t *testing.T) {
	for name, f := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := fetchtest.Options{Files: sampleFiles(), Faults: f.faults, Links: fetchtest.Links{Host: fetchtest.Presigned}}
			if f.server != nil {
				f.server(&options)
			}
			s, dir := fetchtest.New(t, options), t.TempDir()
			o := optionsFor(t, s, dir)
			if f.client != nil {
				f.client(&o)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			_, err := fetch.Run(ctx, o)
			var failed *fetch.Error
			require.ErrorAs(t, err, &failed)
			require.Equal(t, f.kind, failed.Kind, err)
			require.ErrorContains(t, err, f.text)
			if f.event != "" {
				log, readErr := os.ReadFile(filepath.Join(dir, "log.ndjson"))
				if readErr != nil {
					log, readErr = os.ReadFile(filepath.Join(dir, "log.ndjson.part"))
				}
				require.NoError(t, readErr)
				require.Contains(t, string(log), f.event)
				require.NotContains(t, err.Error(), f.event, "the cause was reported before")
			}
			if f.check != nil {
				f.check(t, s, dir)
			}
			requireNoSecrets(t, dir, err.Error())
		})
	}
}

// requireNoSecrets checks that neither texts nor the files of a directory have secrets of
// the tests.
func requireNoSecrets(t *testing.T, dir string, texts ...string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	hidden, err := filepath.Glob(filepath.Join(dir, ".*"))
	require.NoError(t, err)
	for _, name := range append(files, hidden...) {
		if content, err := os.ReadFile(name); err == nil {
			texts = append(texts, string(content))
		}
	}
	for _, secret := range []string{"swordfish", "wrong!", "X-Amz-", "Bearer ", "Basic "} {
		for _, text := range texts {
			require.NotContains(t, text, secret)
		}
	}
}
