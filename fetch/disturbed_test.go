package fetch_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch"
	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/fetch/login"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/transfer"
)

// sampleFiles are the files of most exports of these tests.
func sampleFiles() []fetchtest.File {
	files := append(fetchtest.Files("Patient", 3, 600), fetchtest.Files("Observation", 2, 300)...)
	return append(files,
		fetchtest.Deletions("Bundle.1.ndjson", "Patient/gone", "Observation/gone"),
		fetchtest.Issues("OperationOutcome.1.ndjson", "information", "one note"))
}

// silent is a reporter that keeps nothing.
type silent struct{}

func (silent) Report(fetch.Event)                      {}
func (silent) Total(int64, int64)                      {}
func (silent) Begin(fetch.FileInfo) fetch.FileReporter { return silentFile{} }

type silentFile struct{}

func (silentFile) Total(int64)      {}
func (silentFile) Add(int)          {}
func (silentFile) Reset(int64)      {}
func (silentFile) End(int64, error) {}

// optionsFor returns the options of a run against a server, with short waits.
func optionsFor(t *testing.T, s *fetchtest.Server, dir string) fetch.Options {
	t.Helper()
	out, err := output.Directory(dir)
	require.NoError(t, err)
	return fetch.Options{
		BaseURL:     s.BaseURL,
		Request:     remote.Request{Level: remote.System},
		Connection:  remote.Connection{CAFile: s.CAFile, ConnectTimeout: time.Minute, ResponseTimeout: time.Minute},
		Output:      out,
		Deleted:     fetch.DeletedKeep,
		FailOn:      fetch.FailOnError,
		Parallel:    2,
		Transfer:    transfer.Options{Verify: transfer.Full, RetryFor: 2 * time.Minute, StallTimeout: time.Minute},
		PollMax:     time.Second,
		KickOffWait: time.Minute,
		RetryFor:    time.Minute,
		Reporter:    silent{},
	}
}

// variable matches what differs between runs of the same export: addresses of servers,
// the number of a manifest in paths, and the identifier of the run.
var variable = regexp.MustCompile(`127\.0\.0\.1:\d+|/[\dx]+\.(output|deleted|error)/|"exportId": *"[^"]+"`)

// contentOf returns the files of a directory by their names, without the log, in which
// times and attempts differ, and without what differs between servers.
func contentOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Base(name) == "log.ndjson" || strings.HasSuffix(name, ".lock") {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		all[name] = variable.ReplaceAllString(string(content), "…")
		return err
	}))
	return all
}

// requireSameContent compares two directories without printing files.
func requireSameContent(t *testing.T, want, got map[string]string) {
	t.Helper()
	var missing, different, extra []string
	for name, content := range want {
		if other, exists := got[name]; !exists {
			missing = append(missing, name)
		} else if other != content {
			different = append(different, name+firstDifference(content, other))
		}
	}
	for name := range got {
		if _, exists := want[name]; !exists {
			extra = append(extra, name)
		}
	}
	require.Empty(t, missing, "missing files")
	require.Empty(t, extra, "files that an undisturbed run does not have")
	require.Empty(t, different, "files that differ from an undisturbed run")
}

// firstDifference returns the first lines of two documents that differ.
func firstDifference(want, got string) string {
	lines := strings.Split(got, "\n")
	for i, line := range strings.Split(want, "\n") {
		if i < len(lines) && lines[i] != line && len(line) < 1000 {
			return fmt.Sprintf(": %s in place of %s", lines[i], line)
		}
	}
	return ""
}

// run fetches an export of a server into a new directory and returns its content.
func run(t *testing.T, s *fetchtest.Server, adjust func(*fetch.Options)) (map[string]string, error) {
	t.Helper()
	dir := t.TempDir()
	o := optionsFor(t, s, dir)
	if adjust != nil {
		adjust(&o)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	_, err := fetch.Run(ctx, o)
	return contentOf(t, dir), err
}

// disturbance is something that a server does, after which a run must have the same result
// as without it.
type disturbance struct {
	faults []fetchtest.Fault
	server func(*fetchtest.Options) // changes that a run without the faults has as well
	client func(*fetch.Options)
	check  func(t *testing.T, s *fetchtest.Server)
}

var (
	smallPatients = fetchtest.Download.File("Patient.2.ndjson")
	retryDate     = fetchtest.RetryAfterDate(time.Second, -time.Hour)
	retrySeconds  = fetchtest.RetryAfter("1")
	allSteps      = []fetchtest.Target{fetchtest.KickOff, fetchtest.Status, fetchtest.Download, fetchtest.Delete}
	// A kick-off whose response is lost is not repeated: it may have started an export.
	repeatedSteps = allSteps[1:]
)

// onSteps returns a fault of the first n requests of each step.
func onSteps(steps []fetchtest.Target, n int, effects ...fetchtest.Effect) (faults []fetchtest.Fault) {
	for _, step := range steps {
		faults = append(faults, step.First(n, effects...))
	}
	return faults
}

func host(h fetchtest.Host) func(*fetchtest.Options) {
	return func(o *fetchtest.Options) { o.Links = fetchtest.Links{Host: h, Move: true} }
}

func encoding(e fetchtest.Encoding) func(*fetchtest.Options) {
	return func(o *fetchtest.Options) { o.Encoding = e }
}

func withSecret(o *fetchtest.Options) {
	o.Auth = fetchtest.Auth{Method: fetchtest.ClientSecret, ClientID: "me", Secret: "swordfish"}
}

func clientSecret(o *fetch.Options) {
	o.Login = login.Options{ClientID: "me", Secret: func() (string, error) { return "swordfish", nil }, Method: login.Secret}
}

// disturbances are all of them by their names.
var disturbances = map[string]disturbance{
	"cut": {
		faults: []fetchtest.Fault{fetchtest.Download.Every(2, fetchtest.CutAfter(30_000))},
		check:  requireResumed,
	},
	"cut chunked": {
		faults: []fetchtest.Fault{fetchtest.Download.Every(2, fetchtest.CutChunkedAfter(30_000))},
		check:  requireResumed,
	},
	"cut in each response": {
		faults: []fetchtest.Fault{fetchtest.Download.Always(fetchtest.CutAfter(50_000))},
		check:  requireResumed,
	},
	"cut gzip": {
		faults: []fetchtest.Fault{fetchtest.Download.Every(2, fetchtest.CutAfter(20_000))},
		server: encoding(fetchtest.Negotiated),
		check:  requireResumed,
	},
	"cut gzip that is not accepted": {
		faults: []fetchtest.Fault{fetchtest.Download.Every(2, fetchtest.CutAfter(20_000))},
		server: encoding(fetchtest.GzipAlways),
		check:  requireResumed,
	},
	"cut gzip without encoding": {
		faults: []fetchtest.Fault{fetchtest.Download.Every(2, fetchtest.CutAfter(20_000))},
		server: encoding(fetchtest.GzipFile),
		check:  requireResumed,
	},
	"cut HTTP/2": {
		faults: []fetchtest.Fault{fetchtest.Download.Every(2, fetchtest.CutAfter(30_000))},
		server: func(o *fetchtest.Options) { o.TLS, o.HTTP2 = true, true },
	},
	"cut before the first byte": {
		faults: []fetchtest.Fault{fetchtest.Download.Every(2, fetchtest.CutAfter(0))},
	},
	"reset": {faults: onSteps(repeatedSteps, 1, fetchtest.Reset())},
	"stall": {
		faults: []fetchtest.Fault{fetchtest.Download.Nth(2, fetchtest.StallAfter(20_000))},
		client: func(o *fetch.Options) { o.Transfer.StallTimeout = 500 * time.Millisecond },
		check:  requireResumed,
	},
	"stall before the headers": {
		faults: onSteps(repeatedSteps, 1, fetchtest.Stall()),
		client: func(o *fetch.Options) { o.Connection.ResponseTimeout = 500 * time.Millisecond },
	},
	"corrupt byte, hash": {
		faults: []fetchtest.Fault{smallPatients.Nth(1, fetchtest.CorruptAt(40_000))},
		server: func(o *fetchtest.Options) { o.Manifest.SHA256 = true },
	},
	"corrupt byte, AB2D": {
		faults: []fetchtest.Fault{smallPatients.Nth(1, fetchtest.CorruptAt(40_000))},
		server: func(o *fetchtest.Options) { o.Manifest.AB2D = true },
	},
	"corrupt byte, gzip": {
		faults: []fetchtest.Fault{smallPatients.Nth(1, fetchtest.CorruptAt(10_000))},
		server: encoding(fetchtest.Negotiated),
	},
	"corrupt byte, gzip file": {
		faults: []fetchtest.Fault{smallPatients.Nth(1, fetchtest.CorruptAt(10_000))},
		server: encoding(fetchtest.GzipFile),
	},
	"truncated, count": {
		faults: []fetchtest.Fault{smallPatients.Nth(1, fetchtest.TruncateAfter(40_000))},
	},
	"truncated, size": {
		faults: []fetchtest.Fault{smallPatients.Nth(1, fetchtest.TruncateAfter(40_000))},
		server: func(o *fetchtest.Options) { o.Manifest.NoCounts, o.Manifest.Sizes = true, fetchtest.SizesPlain },
	},
	"truncated, gzip": {
		faults: []fetchtest.Fault{smallPatients.Nth(1, fetchtest.TruncateAfter(10_000))},
		server: func(o *fetchtest.Options) { o.Manifest.NoCounts, o.Encoding = true, fetchtest.Negotiated },
	},
	"page of a proxy": {
		faults: []fetchtest.Fault{smallPatients.Nth(1, fetchtest.Reply(200, "text/html", "<html><body>Please log in</body></html>\n"))},
	},
	"no content": {
		faults: []fetchtest.Fault{smallPatients.Nth(1, fetchtest.Reply(200, "application/fhir+ndjson", ""))},
	},
	"links expire with 403": expiry(fetchtest.Expired403),
	"links expire with 400": expiry(fetchtest.Expired400),
	"links expire with 401": expiry(fetchtest.Expired401),
	"links expire with 404": expiry(fetchtest.Expired404),
	"links expire with 410": expiry(fetchtest.Expired410),
	"links expire within a file": {
		faults: []fetchtest.Fault{smallPatients.Nth(1, fetchtest.CutAfter(30_000)), smallPatients.Nth(2, fetchtest.LinksExpire(fetchtest.Expired403))},
		server: host(fetchtest.Presigned),
		check:  requireResumed,
	},
	"redirected": {
		faults: []fetchtest.Fault{fetchtest.Download.Every(2, fetchtest.CutAfter(30_000))},
		server: func(o *fetchtest.Options) { host(fetchtest.Redirected)(o); withSecret(o) },
		client: clientSecret,
		check:  requireResumed,
	},
	"presigned": {
		server: func(o *fetchtest.Options) { host(fetchtest.Presigned)(o); withSecret(o) },
		client: clientSecret,
	},
	"signed, same host": {
		server: func(o *fetchtest.Options) { host(fetchtest.Signed)(o); withSecret(o) },
		client: clientSecret,
	},
	"tokens revoked": {
		faults: []fetchtest.Fault{
			fetchtest.Download.Nth(3, fetchtest.TokensRevoked()),
		},
		server: withSecret,
		client: clientSecret,
	},
	"tokens expire": {
		server: func(o *fetchtest.Options) {
			withSecret(o)
			o.Auth.TokenLifetime, o.Polls = time.Second, 2
		},
		client: clientSecret,
		check: func(t *testing.T, s *fetchtest.Server) {
			require.Greater(t, len(s.Requests(fetchtest.Token)), 1)
		},
	},
	"429 with seconds":    {faults: onSteps(allSteps, 2, fetchtest.Reject(429, retrySeconds)), check: requireWaited},
	"429 with a date":     {faults: onSteps(allSteps, 2, fetchtest.Reject(429, retryDate)), check: requireWaited},
	"503 with seconds":    {faults: onSteps(allSteps, 1, fetchtest.Reject(503, retrySeconds)), check: requireWaited},
	"429 without a wait":  {faults: onSteps(allSteps, 1, fetchtest.Reject(429))},
	"500 and 502":         {faults: append(onSteps(allSteps, 1, fetchtest.Reject(502)), fetchtest.Download.Nth(4, fetchtest.Reject(500)))},
	"one file at a time":  {faults: []fetchtest.Fault{fetchtest.Download.Always(fetchtest.RejectAbove(1, 429, retrySeconds))}},
	"ETag changes":        {faults: []fetchtest.Fault{fetchtest.Download.Always(fetchtest.ETagChanges()), smallPatients.First(2, fetchtest.CutAfter(30_000))}},
	"weak ETag":           {faults: []fetchtest.Fault{fetchtest.Download.Always(fetchtest.WeakETag()), smallPatients.First(2, fetchtest.CutAfter(30_000))}},
	"no ETag":             {faults: []fetchtest.Fault{fetchtest.Download.Always(fetchtest.NoETag()), smallPatients.First(2, fetchtest.CutAfter(30_000))}},
	"file changes":        {faults: []fetchtest.Fault{smallPatients.Nth(1, fetchtest.Rewritten(), fetchtest.CutAfter(60_000))}},
	"ignores If-Range":    {faults: []fetchtest.Fault{smallPatients.Nth(1, fetchtest.Rewritten(), fetchtest.CutAfter(60_000)), fetchtest.Download.Always(fetchtest.IfRangeIgnored())}},
	"no Accept-Ranges":    {faults: []fetchtest.Fault{fetchtest.Download.Always(fetchtest.NoRanges()), smallPatients.First(2, fetchtest.CutAfter(30_000))}},
	"ranges ignored":      {faults: []fetchtest.Fault{fetchtest.Download.Always(fetchtest.RangesIgnored()), smallPatients.First(2, fetchtest.CutAfter(30_000))}},
	"wrong Content-Range": {faults: []fetchtest.Fault{fetchtest.Download.Always(fetchtest.WrongContentRange()), smallPatients.First(2, fetchtest.CutAfter(30_000))}},
	"ranges only at first": {
		faults: []fetchtest.Fault{smallPatients.Nth(1, fetchtest.CutAfter(30_000)), smallPatients.Nth(2, fetchtest.Reject(416))},
	},
	"relative location": {server: func(o *fetchtest.Options) { o.Location = fetchtest.Relative }},
	"http location":     {server: func(o *fetchtest.Options) { o.TLS, o.Location = true, fetchtest.PlainHTTP }},
	"GET rejected":      {faults: []fetchtest.Fault{fetchtest.KickOff.Always(fetchtest.RejectGET())}},
	"no array error":    {server: func(o *fetchtest.Options) { o.Manifest.NoError = true }},
	"no counts":         {server: func(o *fetchtest.Options) { o.Manifest.NoCounts = true }},
	"sizes of gzip": {server: func(o *fetchtest.Options) {
		o.Encoding, o.Manifest.Sizes, o.Manifest.SHA256 = fetchtest.Negotiated, fetchtest.SizesStored, true
	}},
	"sizes of ndjson": {server: func(o *fetchtest.Options) { o.Encoding, o.Manifest.Sizes = fetchtest.Negotiated, fetchtest.SizesPlain }},
	"pages":           {server: func(o *fetchtest.Options) { o.Pages = 3 }},
	"partial manifests": {
		server: func(o *fetchtest.Options) { o.Pages, o.Partial, o.Polls = 3, true, 2 },
		client: func(o *fetch.Options) { o.Request.Partial = true },
	},
	deleteRejected: {faults: []fetchtest.Fault{fetchtest.Delete.Always(fetchtest.Reject(http.StatusBadRequest))}},
}

// deleteRejected is what FHIR Works on AWS does with complete exports.
const deleteRejected = "delete rejected"

// accepted returns the number of kick-offs that were accepted.
func accepted(s *fetchtest.Server) (n int) {
	for _, r := range s.Requests(fetchtest.KickOff) {
		if r.Status == http.StatusAccepted {
			n++
		}
	}
	return n
}

// expiry is links that expire while two files are downloaded.
func expiry(how fetchtest.Expiry) disturbance {
	return disturbance{
		faults: []fetchtest.Fault{fetchtest.Download.Nth(3, fetchtest.LinksExpire(how))},
		server: host(fetchtest.Presigned),
	}
}

// requireResumed checks that a download continued where it was cut, and only if the file
// is still the same.
func requireResumed(t *testing.T, s *fetchtest.Server) {
	t.Helper()
	resumed := 0
	for _, r := range s.Requests(fetchtest.Download) {
		if r.Header.Get("Range") != "" {
			require.NotEmpty(t, r.Header.Get("If-Range"), r.File)
			resumed++
		}
	}
	require.NotZero(t, resumed)
}

// requireWaited checks that requests were repeated after the second that the server asked
// for.
func requireWaited(t *testing.T, s *fetchtest.Server) {
	t.Helper()
	for _, step := range []fetchtest.Target{fetchtest.KickOff, fetchtest.Status, fetchtest.Delete} {
		requests := s.Requests(step)
		for i, r := range requests[1:] {
			if before := requests[i]; before.Status == 429 || before.Status == 503 {
				require.GreaterOrEqual(t, r.Time.Sub(before.End), 900*time.Millisecond, "%s %d", step.Step(), r.N)
			}
		}
	}
}

// TestDisturbed compares the result of a run that is disturbed with that of one that is
// not.
func TestDisturbed(t *testing.T) {
	for name, d := range disturbances {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := fetchtest.Options{Files: sampleFiles()}
			if d.server != nil {
				d.server(&options)
			}
			want, err := run(t, fetchtest.New(t, options), d.client)
			require.NoError(t, err, "undisturbed")
			require.Contains(t, want, "manifest.json")

			options.Faults = d.faults
			s := fetchtest.New(t, options)
			got, err := run(t, s, d.client)
			require.NoError(t, err)
			requireSameContent(t, want, got)
			require.Equal(t, 1, accepted(s), "number of exports")
			if name != deleteRejected {
				require.Zero(t, s.Exports(), "the export is deleted on the server")
			}
			if d.check != nil {
				d.check(t, s)
			}
		})
	}
}
