package fetch

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/content"
	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/fetch/login"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/transfer"
)

// A file that is not what the manifest says does not stop the others. When the server has
// repaired it, the run continues.
func TestMismatch(t *testing.T) {
	t.Parallel()
	files := fetchtest.Files("Patient", 3, 20)
	var repaired atomic.Bool
	server := fetchtest.New(t, fetchtest.Options{Files: files, Manifest: fetchtest.ManifestOptions{SHA256: true},
		Faults: []fetchtest.Fault{fetchtest.Download.File("Patient.2.ndjson").Always(func(s *fetchtest.Server, next http.Handler) http.Handler {
			wrong := fetchtest.CorruptAt(100)(s, next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if repaired.Load() {
					next.ServeHTTP(w, r)
					return
				}
				wrong.ServeHTTP(w, r)
			})
		})}})
	dir := t.TempDir()
	o := options(t, server, dir)
	_, err := Run(t.Context(), o)
	require.Equal(t, Unverified, kindOfError(t, err))
	require.ErrorContains(t, err, "1 of 3 files")
	require.ErrorContains(t, err, "Patient.0002.ndjson")
	got := tree(t, dir)
	require.Contains(t, got, "Patient.0003.ndjson.gz")
	require.NotContains(t, got, "manifest.json")
	require.Equal(t, 1, server.Exports())
	bad, err := filepath.Glob(filepath.Join(dir, "*.bad"))
	require.NoError(t, err)
	require.Len(t, bad, 1)

	repaired.Store(true)
	_, err = Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, string(files[1].NDJSON()), tree(t, dir)["Patient.0002.ndjson.gz"])
	require.Len(t, server.Requests(fetchtest.Download.File("Patient.3.ndjson")), 1)
}

// A file that cannot be downloaded, for whatever reason, does not stop the others, nor does
// a manifest that is gone.
func TestOthersAreStored(t *testing.T) {
	t.Parallel()
	loop := func(*fetchtest.Server, http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) })
	}
	first := fetchtest.Download.File("Patient.1.ndjson")
	for name, test := range map[string]struct {
		faults []fetchtest.Fault
		kind   Kind
	}{
		"redirect loop":    {[]fetchtest.Fault{first.Always(loop)}, Incomplete},
		"manifest is gone": {[]fetchtest.Fault{first.Always(fetchtest.Reject(404)), fetchtest.Status.From(2, fetchtest.Reject(404))}, Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 6, 5), Links: fetchtest.Links{Host: fetchtest.Presigned}, Faults: test.faults})
			dir := t.TempDir()
			o := options(t, server, dir)
			o.Parallel = 1
			_, err := Run(t.Context(), o)
			require.Equal(t, test.kind, kindOfError(t, err))
			require.ErrorContains(t, err, "1 of 6 files is missing: ")
			complete, err := filepath.Glob(filepath.Join(dir, "*.gz"))
			require.NoError(t, err)
			require.Len(t, complete, 5)
		})
	}
}

// If the export is gone before its manifest is complete, the files that are known are
// stored.
func TestExportIsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := scripted(t, dir, func(n int) (int, []string) {
		if n > 1 {
			return http.StatusNotFound, nil
		}
		return http.StatusAccepted, []string{"a", "b"}
	}, sendLink)
	o.Request.Partial = true
	_, err := Run(t.Context(), o)
	require.Equal(t, Failed, kindOfError(t, err))
	require.ErrorContains(t, err, "does not know the export")
	require.Len(t, ids(t, dir), 2)
}

// A file that is gone does not stop the others.
func TestMissingFile(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 20, 5),
		Faults: []fetchtest.Fault{
			fetchtest.Download.File("Patient.2.ndjson").Always(fetchtest.Reject(404)),
			fetchtest.Download.File("Patient.7.ndjson").Always(fetchtest.Reject(410)),
		}})
	dir := t.TempDir()
	o := options(t, server, dir)
	o.renewInterval = 10 * time.Millisecond
	_, err := Run(t.Context(), o)
	require.Equal(t, Incomplete, kindOfError(t, err))
	require.ErrorContains(t, err, "2 of 20 files are missing: Patient.000")
	require.NotContains(t, err.Error(), "status", "the cause was reported with each file")
	complete, err := filepath.Glob(filepath.Join(dir, "*.gz"))
	require.NoError(t, err)
	require.Len(t, complete, 18)
}

// Links that expire are replaced by those of the manifest, even if their paths change.
func TestLinksExpire(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]fetchtest.Expiry{"403": fetchtest.Expired403, "400": fetchtest.Expired400, "404": fetchtest.Expired404} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := append(fetchtest.Files("Patient", 5, 20), fetchtest.Files("Group", 5, 20)...)
			server := fetchtest.New(t, fetchtest.Options{Files: files, Pages: 3,
				Links:  fetchtest.Links{Host: fetchtest.Presigned, Move: true},
				Faults: []fetchtest.Fault{fetchtest.Download.Nth(4, fetchtest.LinksExpire(how))}})
			dir := t.TempDir()
			o := options(t, server, dir)
			o.renewInterval = 100 * time.Millisecond
			result, err := Run(t.Context(), o)
			require.NoError(t, err)
			require.Equal(t, int64(10), result.Files)
			got := tree(t, dir)
			for i, f := range files {
				name := []string{"Patient", "Group"}[i/5] + ".000" + string(rune('1'+i%5)) + ".ndjson.gz"
				require.Equal(t, string(f.NDJSON()), got[name])
			}
			for name, content := range got {
				require.NotContains(t, content, "Signature", name)
			}
		})
	}
}

// A manifest that is not the one of before ends the run.
func TestManifestChanges(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(map[string]any){
		"transactionTime was": func(m map[string]any) { m["transactionTime"] = "2030-01-01T00:00:00Z" },
		"5 resources and now": func(m map[string]any) { m["output"].([]any)[1].(map[string]any)["count"] = 6 },
		"its manifest lacks":  func(m map[string]any) { m["output"] = m["output"].([]any)[1:] },
		"has more files of Bin": func(m map[string]any) {
			m["output"] = append(m["output"].([]any), map[string]any{"type": "Binary", "url": "https://example.org/x"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 3, 5),
				Manifest: fetchtest.ManifestOptions{Edit: func(n int, m map[string]any) {
					if n > 1 {
						edit(m)
					}
				}}})
			dir := t.TempDir()
			o := options(t, server, dir)
			ctx, cancel := context.WithCancel(t.Context())
			o.Reporter = &recorder{t: t, on: func(e Event) {
				if e.Name == EventManifest {
					cancel()
				}
			}}
			_, err := Run(ctx, o)
			require.ErrorIs(t, err, context.Canceled)
			o.Reporter = &recorder{t: t}
			_, err = Run(t.Context(), o)
			require.Equal(t, Failed, kindOfError(t, err))
			require.ErrorContains(t, err, name)
		})
	}
}

// The kinds of errors decide the exit code.
func TestKinds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		faults []fetchtest.Fault
		auth   fetchtest.Auth
		set    func(*Options)
		want   Kind
		text   string
	}{
		"refused":  {faults: []fetchtest.Fault{fetchtest.KickOff.Always(fetchtest.RejectWith(400, "no such type"))}, want: Refused, text: "no such type"},
		"login":    {auth: fetchtest.Auth{Method: fetchtest.BasicAuth, ClientID: "me", Secret: "right"}, want: LoginRefused},
		"failed":   {faults: []fetchtest.Fault{fetchtest.Status.Always(fetchtest.RejectWith(400, "disk full"))}, want: Failed, text: "disk full"},
		"denied":   {faults: []fetchtest.Fault{fetchtest.Status.Always(fetchtest.RejectWith(403, "not yours"))}, want: LoginRefused, text: "not yours"},
		"gone":     {faults: []fetchtest.Fault{fetchtest.Status.Always(fetchtest.Reject(404))}, want: Failed},
		"timeout":  {faults: []fetchtest.Fault{fetchtest.Download.Always(fetchtest.Stall())}, set: func(o *Options) { o.Timeout = 2 * time.Second }, want: TimedOut},
		"nobytes":  {faults: []fetchtest.Fault{fetchtest.Download.Always(fetchtest.Reject(502))}, set: func(o *Options) { o.RetryFor = time.Second }, want: Incomplete, text: "nothing was received"},
		"kickoff":  {set: func(o *Options) { o.Request.Level = "galaxy" }, want: Refused},
		"tls":      {set: func(o *Options) { o.BaseURL = strings.Replace(o.BaseURL, "http:", "https:", 1) }, want: Local},
		"ca":       {set: func(o *Options) { o.Connection.CAFile = "missing.pem" }, want: Local, text: "missing.pem"},
		"no state": {set: func(o *Options) { o.BaseURL = "" }, want: Local, text: "no unfinished run"},
		"no key":   {set: func(o *Options) { o.Login = login.Options{ClientID: "me", KeyFile: "missing.json"} }, want: Local, text: "missing.json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 6, 5), Faults: test.faults, Auth: test.auth})
			o := options(t, server, t.TempDir())
			if test.set != nil {
				test.set(&o)
			}
			_, err := Run(t.Context(), o)
			require.Equal(t, test.want, kindOfError(t, err), "%v", err)
			require.ErrorContains(t, err, test.text)
		})
	}
}

// A file that an earlier run has published just before it was killed is verified where it
// is.
func TestPublishedFileIsNotFetchedAgain(t *testing.T) {
	t.Parallel()
	files := fetchtest.Files("Patient", 4, 50)
	server := fetchtest.New(t, fetchtest.Options{Files: files})
	dir := t.TempDir()
	o := options(t, server, dir)
	ctx, cancel := context.WithCancel(t.Context())
	downloads := 0
	o.Parallel = 1
	o.Reporter = &recorder{t: t, on: func(e Event) {
		if e.Name == EventDownloadComplete {
			if downloads++; downloads == 3 {
				cancel()
			}
		}
	}}
	_, err := Run(ctx, o)
	require.ErrorIs(t, err, context.Canceled)

	// The state of a run that was killed is older than its files.
	name := filepath.Join(dir, stateName)
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	var s state
	require.NoError(t, json.Unmarshal(content, &s))
	for _, f := range s.Exports[0].Files {
		f.Stored = nil
	}
	content, err = json.Marshal(s)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, content, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Patient.0002.ndjson.gz"), []byte("damaged"), 0o600))

	o.Reporter = &recorder{t: t}
	_, err = Run(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, server.Requests(fetchtest.Download.File("Patient.1.ndjson")), 1)
	require.Len(t, server.Requests(fetchtest.Download.File("Patient.2.ndjson")), 2)
	require.Len(t, server.Requests(fetchtest.Download.File("Patient.3.ndjson")), 1)
	require.Equal(t, string(files[1].NDJSON()), tree(t, dir)["Patient.0002.ndjson.gz"])
}

// Files of others are not replaced.
func TestForeignFile(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 2, 5)})
	dir := t.TempDir()
	mine := filepath.Join(dir, "Patient.0002.ndjson")
	require.NoError(t, os.WriteFile(mine, []byte("{}\n"), 0o600))
	_, err := Run(t.Context(), options(t, server, dir))
	require.Equal(t, Local, kindOfError(t, err))
	require.ErrorContains(t, err, "Patient.0002.ndjson from another run: remove it and run the same command again, or sluice fetch cancel ")
	content, err := os.ReadFile(mine)
	require.NoError(t, err)
	require.Equal(t, "{}\n", string(content))
}

// A file of another run is not taken for the new one when the same command is run again,
// whatever the manifest says of it.
func TestForeignFileIsNeverAccepted(t *testing.T) {
	t.Parallel()
	for _, noCounts := range []bool{false, true} {
		server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 2, 1), Manifest: fetchtest.ManifestOptions{NoCounts: noCounts}})
		dir := t.TempDir()
		mine := filepath.Join(dir, "Patient.0002.ndjson")
		require.NoError(t, os.WriteFile(mine, []byte(`{"resourceType":"Patient","id":"OLD"}`+"\n"), 0o600))
		for range 3 {
			_, err := Run(t.Context(), options(t, server, dir))
			require.Equal(t, Local, kindOfError(t, err))
			require.ErrorContains(t, err, "Patient.0002.ndjson from another run")
		}
		require.Empty(t, server.Requests(fetchtest.Download))
		require.NoError(t, os.Remove(mine))
		_, err := Run(t.Context(), options(t, server, dir))
		require.NoError(t, err)
		require.NotContains(t, tree(t, dir)["Patient.0002.ndjson.gz"], "OLD")
	}
}

// A stored file is only taken for one of the manifest that says something about it.
func TestMatches(t *testing.T) {
	t.Parallel()
	facts := content.Facts{Lines: 3, Bytes: 100, PlainBytes: 300, SHA256: "aa", PlainSHA256: "bb"}
	for _, test := range []struct {
		file file
		want bool
	}{
		{file{Count: -1, Size: -1}, false},
		{file{Count: 3, Size: -1}, true},
		{file{Count: 4, Size: 100, SHA256: "aa"}, false},
		{file{Count: 3, Size: 200}, false},
		{file{Count: -1, Size: 300}, true},
		{file{Count: -1, Size: -1, SHA256: "bb"}, true},
		{file{Count: 3, Size: 100, SHA256: "cc"}, false},
	} {
		require.Equal(t, test.want, test.file.matches(facts, false), test.file)
	}
}

// Standard output receives the resources in the order of the manifest, and nothing else.
func TestStream(t *testing.T) {
	t.Parallel()
	files := append(fetchtest.Files("Patient", 2, 30), fetchtest.Files("Group", 2, 30)...)
	issues := fetchtest.Issues("OperationOutcome.1.ndjson", "warning", "slow")
	server := fetchtest.New(t, fetchtest.Options{Files: append(slices.Clone(files), issues), Encoding: fetchtest.Negotiated,
		Faults: []fetchtest.Fault{fetchtest.Download.Nth(2, fetchtest.CutAfter(300))}})
	var stdout, want bytes.Buffer
	o := options(t, server, t.TempDir())
	o.Output = output.Stream(&stdout)
	result, err := Run(t.Context(), o)
	require.NoError(t, err)
	for _, f := range files {
		want.Write(f.NDJSON())
	}
	require.Equal(t, want.String(), stdout.String())
	require.Equal(t, []IssueCount{{"warning", "slow", 1}}, result.Issues)

	o.Request.Since = "2026-01-01T00:00:00Z"
	_, err = Run(t.Context(), o)
	require.Equal(t, Local, kindOfError(t, err))
	require.ErrorContains(t, err, "no place for deletions")
}

// Pages of a partial manifest are downloaded while the export runs.
func TestPartialManifest(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 8, 5), Pages: 4, Partial: true, Polls: 4})
	o := options(t, server, t.TempDir())
	o.Request.Partial = true
	result, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, int64(8), result.Files)
	status := server.Requests(fetchtest.Status)
	require.True(t, server.Requests(fetchtest.Download)[0].Time.Before(status[len(status)-1].Time))
}

func TestCancel(t *testing.T) {
	t.Parallel()
	files := []fetchtest.File{{Type: "Patient", Name: "a.ndjson", Lines: 10000}, {Type: "Group", Name: "b.ndjson", Lines: 1}}
	server := fetchtest.New(t, fetchtest.Options{Files: files,
		Faults: []fetchtest.Fault{fetchtest.Download.File("a.ndjson").Always(fetchtest.StallAfter(100_000))}})
	dir := t.TempDir()
	o := options(t, server, dir)
	_, err := Cancel(t.Context(), o)
	require.Equal(t, Local, kindOfError(t, err))
	ctx, cancel := context.WithCancel(t.Context())
	o.Reporter = &recorder{t: t, on: func(e Event) {
		if e.Name == EventDownloadComplete {
			time.AfterFunc(time.Second, cancel)
		}
	}}
	_, err = Run(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, server.Exports())
	require.Contains(t, tree(t, dir), "Group.0001.ndjson.gz")
	complete, err := Cancel(t.Context(), Options{Output: o.Output, Connection: o.Connection, Reporter: &recorder{t: t}, RetryFor: time.Minute})
	require.NoError(t, err)
	require.False(t, complete)
	require.Zero(t, server.Exports())
	require.Empty(t, tree(t, dir))
}

// The state of many files is not written for each of them.
func TestStateIsWrittenRarely(t *testing.T) {
	t.Parallel()
	for _, partial := range []bool{false, true} {
		server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 200, 1), Pages: 100, Partial: partial})
		o := options(t, server, t.TempDir())
		o.Request.Partial = partial
		counted := &countingOutput{Output: o.Output}
		o.Output = counted
		began := time.Now()
		_, err := Run(t.Context(), o)
		require.NoError(t, err)
		require.LessOrEqual(t, counted.states, 5+2*int(time.Since(began)/(5*time.Second)))
	}
}

// countingOutput counts how often the state is written.
type countingOutput struct {
	output.Output
	states int
}

func (o *countingOutput) WriteDocument(ctx context.Context, name string, content []byte) error {
	if name == stateName {
		o.states++
	}
	return o.Output.WriteDocument(ctx, name, content)
}

// An export that was started by other means is copied by its status URL.
func TestStatusURL(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 2, 5)})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.BaseURL+"/$export", nil)
	require.NoError(t, err)
	request.Header.Set("Prefer", "respond-async")
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())

	dir := t.TempDir()
	o := options(t, server, dir)
	o.BaseURL, o.Request, o.StatusURL = "", remote.Request{}, response.Header.Get("Content-Location")
	o.ServerNames, o.Transfer.Plain, o.Transfer.Verify = true, true, transfer.Strict
	_, err = Run(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, server.Requests(fetchtest.KickOff), 1)
	require.ElementsMatch(t, []string{"Patient.1.ndjson", "Patient.2.ndjson", "manifest.json", "log.ndjson"}, names(tree(t, dir)))
	require.NotContains(t, strings.Join(names(tree(t, dir)), " "), ".gz")
}

// The status URL is stored before the first poll: an export that is forgotten keeps some
// servers from starting another.
func TestStatusURLIsStoredAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stored := make(chan string, 1)
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 1), Faults: []fetchtest.Fault{
		fetchtest.Status.Nth(1, fetchtest.Do(func() {
			content, _ := os.ReadFile(filepath.Join(dir, stateName)) // the test fails below
			stored <- string(content)
		})),
	}})
	_, err := Run(t.Context(), options(t, server, dir))
	require.NoError(t, err)
	require.Contains(t, <-stored, server.BaseURL+"/status/1")
}

// Nothing follows a file of which only a part was written to standard output.
func TestCutStream(t *testing.T) {
	t.Parallel()
	first := fetchtest.Download.File("Patient.1.ndjson")
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 2, 3), Faults: []fetchtest.Fault{
		first.Nth(1, fetchtest.CutAfter(250)), first.From(2, fetchtest.Reject(501))}})
	o := options(t, server, t.TempDir())
	var stdout bytes.Buffer
	o.Output = output.Stream(&stdout)
	_, err := Run(t.Context(), o)
	require.Equal(t, Incomplete, kindOfError(t, err))
	require.Equal(t, 250, stdout.Len())
	require.Empty(t, server.Requests(fetchtest.Download.File("Patient.2.ndjson")))
}

// Nothing continues a run to standard output: its export is deleted on the server.
func TestInterruptedStream(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 2, 5),
		Faults: []fetchtest.Fault{fetchtest.Download.Nth(2, fetchtest.Do(cancel), fetchtest.Stall())}})
	var texts []string
	o := options(t, server, t.TempDir())
	o.Output, o.Reporter = output.Stream(&bytes.Buffer{}), &recorder{t: t, on: func(e Event) { texts = append(texts, e.Text) }}
	_, err := Run(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, server.Requests(fetchtest.KickOff), 1)
	require.Contains(t, texts, "deleting the export on the server")
	require.Zero(t, server.Exports())
}
