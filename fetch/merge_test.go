package fetch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/transfer"
)

// scripted returns options of a run into a directory, from a server with one export. Its
// manifest is what manifest returns for the nth request, without counts; a status of 202
// says that the export runs. The content of a file is its link.
func scripted(t *testing.T, dir string, manifest func(n int) (status int, links []string), file http.HandlerFunc) Options {
	t.Helper()
	var polls atomic.Int32
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/fhir/$export", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Location", server.URL+"/status?job=1")
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("/status", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		status, links := manifest(int(polls.Add(1)))
		files := []any{}
		for _, link := range links {
			files = append(files, map[string]any{"type": "Patient", "url": server.URL + "/files/" + link})
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"transactionTime": "2026-01-01T00:00:00Z", "request": "x", "requiresAccessToken": false, "output": files, "error": []any{}})
	})
	mux.HandleFunc("/files/", file)
	out, err := output.Directory(dir)
	require.NoError(t, err)
	return Options{
		BaseURL: server.URL + "/fhir", Request: remote.Request{Level: remote.System}, Output: out,
		Deleted: DeletedKeep, FailOn: FailOnError, Parallel: 1,
		Transfer: transfer.Options{Verify: transfer.Full, StallTimeout: time.Minute},
		PollMax:  time.Second, KickOffWait: time.Minute, RetryFor: time.Minute,
		Reporter: &recorder{t: t}, renewInterval: time.Millisecond,
	}
}

// sendLink sends a resource whose id is the link.
func sendLink(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprintf(w, `{"resourceType":"Patient","id":"%s?%s"}`+"\n", strings.TrimPrefix(r.URL.Path, "/files/"), r.URL.Query().Get("file"))
}

// ids returns the ids of all Patients in a directory.
func ids(t *testing.T, dir string) (all []string) {
	t.Helper()
	for name, content := range tree(t, dir) {
		if strings.HasPrefix(name, "Patient") {
			decoder := json.NewDecoder(strings.NewReader(content))
			for {
				var resource struct{ ID string }
				if err := decoder.Decode(&resource); err == io.EOF {
					break
				} else {
					require.NoError(t, err)
				}
				all = append(all, resource.ID)
			}
		}
	}
	return all
}

// Links that differ only in their queries are different files, whatever their order is when
// the manifest is read again.
func TestLinksWithEqualPaths(t *testing.T) {
	t.Parallel()
	for name, second := range map[string][]string{
		"other order": {"x?file=2", "x?file=1"}, "other signatures": {"x?file=2&signature=b", "x?file=1&signature=b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var rejected atomic.Int32
			o := scripted(t, dir, func(n int) (int, []string) {
				if n > 1 {
					return http.StatusOK, second
				}
				return http.StatusOK, []string{"x?file=1", "x?file=2"}
			}, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("file") == "2" && rejected.Add(1) == 1 {
					w.WriteHeader(http.StatusForbidden)
					return
				}
				sendLink(w, r)
			})
			_, err := Run(t.Context(), o)
			if name == "other signatures" { // without counts, nothing says which is which
				require.Equal(t, Failed, kindOfError(t, err))
				require.ErrorContains(t, err, "differ only in their queries")
				return
			}
			require.NoError(t, err)
			require.ElementsMatch(t, []string{"x?1", "x?2"}, ids(t, dir))
		})
	}
}

// What a manifest says of files with the same path tells which is which.
func TestMatch(t *testing.T) {
	t.Parallel()
	manifest := func(files ...string) []*remote.Manifest { // path?query count
		m := &remote.Manifest{TransactionTime: "2026-01-01T00:00:00Z"}
		for _, text := range files {
			f := remote.File{Section: remote.Output, Type: "Patient", Count: -1, Size: -1}
			var link string
			_, _ = fmt.Sscan(text, &link, &f.Count)
			var err error
			f.URL, err = url.Parse("https://example.org/" + link)
			require.NoError(t, err)
			m.Files = append(m.Files, f)
		}
		return []*remote.Manifest{m}
	}
	for name, test := range map[string]struct {
		first, second []string
		want          []int // positions in first
		text          string
	}{
		"the same":             {first: []string{"a", "b"}, second: []string{"a", "b"}, want: []int{0, 1}},
		"other queries":        {first: []string{"a?1", "b?1"}, second: []string{"b?2", "a?2"}, want: []int{1, 0}},
		"counts":               {first: []string{"x?1 5", "x?2 7"}, second: []string{"x?4 7", "x?3 5"}, want: []int{1, 0}},
		"equal counts":         {first: []string{"x?1 5", "x?2 5"}, second: []string{"x?4 5", "x?3 5"}, text: "unknown which file is which"},
		"other paths":          {first: []string{"a", "b", "c"}, second: []string{"d", "b", "e"}, want: []int{0, 1, 2}},
		"one more":             {first: []string{"b", "c"}, second: []string{"a", "b", "c"}, text: "more files of Patient"},
		"one less":             {first: []string{"a", "b"}, second: []string{"b"}, text: "lacks"},
		"the same link, twice": {first: []string{"a", "a"}, second: []string{"a", "a"}, want: []int{0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := &export{}
			matches, err := newMerging(x, true, true).add(manifest(test.first...))
			require.NoError(t, err)
			for _, m := range matches {
				require.True(t, m.new)
				x.Files = append(x.Files, m.file)
			}
			x.Complete = true
			merge := newMerging(x, false, true)
			matches, err = merge.add(manifest(test.second...))
			if err == nil {
				err = merge.end()
			}
			if test.text != "" {
				require.ErrorContains(t, err, test.text)
				return
			}
			require.NoError(t, err)
			for i, m := range matches {
				require.Same(t, x.Files[test.want[i]], m.file)
			}
		})
	}
}

// A page of a running export may get more files, at any position.
func TestPageGrowsAnywhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := scripted(t, dir, func(n int) (int, []string) {
		if n == 1 {
			return http.StatusAccepted, []string{"b", "c"}
		}
		return http.StatusOK, []string{"a", "b", "c", "d"}
	}, sendLink)
	o.Request.Partial = true
	result, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, int64(4), result.Files)
	require.ElementsMatch(t, []string{"a?", "b?", "c?", "d?"}, ids(t, dir))
}

// Files that are known keep their content when the manifest of a running export has grown
// between two runs.
func TestInsertedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var grown atomic.Bool
	o := scripted(t, dir, func(int) (int, []string) {
		if grown.Load() {
			return http.StatusOK, []string{"a", "b", "c"}
		}
		return http.StatusAccepted, []string{"b", "c"}
	}, sendLink)
	o.Request.Partial = true
	ctx, cancel := context.WithCancel(t.Context())
	stored := 0
	o.Reporter = &recorder{t: t, on: func(e Event) {
		if e.Name == EventDownloadComplete {
			if stored++; stored == 2 {
				cancel()
			}
		}
	}}
	_, err := Run(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	grown.Store(true)
	o.Reporter = &recorder{t: t}
	_, err = Run(t.Context(), o)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"a?", "b?", "c?"}, ids(t, dir))
}

// An export that was started is not forgotten if the run is interrupted before the server
// has answered the kick-off.
func TestInterruptedKickOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 1), Faults: []fetchtest.Fault{
		fetchtest.KickOff.Nth(1, fetchtest.Do(func() {
			cancel()
			time.Sleep(200 * time.Millisecond) // the client notices that it is interrupted
		})),
	}})
	dir := t.TempDir()
	_, err := Run(ctx, options(t, server, dir))
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, tree(t, dir)[stateName], server.BaseURL+"/status/1")
	_, err = Run(t.Context(), options(t, server, dir))
	require.NoError(t, err)
	require.Len(t, server.Requests(fetchtest.KickOff), 1)
}
