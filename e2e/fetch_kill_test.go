package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// sameTime is the transactionTime of all exports: one of a killed fetch may be the second.
func sameTime(int) string { return "2026-01-01T00:00:00.000Z" }

// A fetch is killed when the server receives its nth request, for each n from the first to
// the deletion of the export, and is run again.
func TestFetchKilledAtEachRequest(t *testing.T) {
	t.Parallel()
	options := fetchtest.Options{Files: fetchFiles(), TransactionTime: sameTime, Pages: 2, Polls: 1, Encoding: fetchtest.Negotiated}
	undisturbed := fetchtest.New(t, options)
	want := newFetcher(t).complete(undisturbed.BaseURL)
	requests := len(undisturbed.Requests())
	require.Greater(t, requests, len(options.Files)+4)

	for n := range requests {
		t.Run(fmt.Sprint("request ", n+1), func(t *testing.T) {
			t.Parallel()
			f := newFetcher(t)
			requireSameAfterKill(t, f, want, options, fetchtest.Any.Nth(n+1, fetchtest.Do(f.kill)))
		})
	}
}

// A fetch is killed when it has received some bytes of a file.
func TestFetchKilledWithinFiles(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		encoding fetchtest.Encoding
		args     []string
	}{
		"stored as received": {encoding: fetchtest.Negotiated},
		"gzip file":          {encoding: fetchtest.GzipFile},
		"compressed":         {encoding: fetchtest.Identity},
		"unpacked":           {encoding: fetchtest.Negotiated, args: []string{"--plain"}},
		"plain":              {encoding: fetchtest.Identity, args: []string{"--plain"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := fetchtest.Options{
				Files: fetchFiles(), TransactionTime: sameTime, Encoding: test.encoding,
				Manifest: fetchtest.ManifestOptions{SHA256: true},
			}
			undisturbed := fetchtest.New(t, options)
			want := newFetcher(t, test.args...).complete(undisturbed.BaseURL)
			size := len(undisturbed.Sent(options.Files[1]))
			for n := 1; n < size; n += size/5 + 1 {
				t.Run(fmt.Sprint("byte ", n), func(t *testing.T) {
					t.Parallel()
					f := newFetcher(t, test.args...)
					requireSameAfterKill(t, f, want, options, fetchtest.Download.File("Patient.2.ndjson").Nth(1, fetchtest.DoAfter(n, f.kill)))
				})
			}
		})
	}
}

// requireSameAfterKill runs a fetch that a fault kills, and checks that running it again
// has the result of an undisturbed run.
func requireSameAfterKill(t *testing.T, f *fetcher, want map[string]string, options fetchtest.Options, kill fetchtest.Fault) {
	t.Helper()
	options.Faults = []fetchtest.Fault{kill}
	s := fetchtest.New(t, options)
	require.Equal(t, -1, f.run(s.BaseURL), "the first run is killed: %s", f.output.String())
	requireSameFiles(t, want, f.complete(s.BaseURL))
	require.LessOrEqual(t, s.Exports(), 1, "an export whose kick-off was answered to a dead process may stay on the server")
}

// A fetch is killed again and again, each time after some more bytes. It completes because
// each run continues within the file.
func TestFetchKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		encoding     fetchtest.Encoding
		args         []string
		lines, bytes int // of the file, and after which the process is killed
		kept         func(*fetcher) int64
	}{
		"stored as received": {fetchtest.Negotiated, nil, 6_000, 100_000, (*fetcher).partialBytes},
		"gzip file":          {fetchtest.GzipFile, nil, 6_000, 100_000, (*fetcher).partialBytes},
		"plain":              {fetchtest.Identity, []string{"--plain"}, 6_000, 400_000, (*fetcher).partialBytes},
		"compressed":         {fetchtest.Identity, nil, 200_000, 18 << 20, (*fetcher).memberBytes}, // continues at multiples of 16 MiB
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := fetchtest.Options{Files: fetchtest.Files("Patient", 1, test.lines), Encoding: test.encoding}
			want := newFetcher(t, test.args...).complete(fetchtest.New(t, options).BaseURL)

			f := newFetcher(t, test.args...)
			var stored int64
			options.Faults = []fetchtest.Fault{fetchtest.Download.Always(fetchtest.DoAfter(test.bytes, func() {
				stored = f.awaitProgress(stored, test.kept)
				f.kill()
			}))}
			s := fetchtest.New(t, options)
			runs := 1
			for ; f.run(s.BaseURL) != cli.ExitOK; runs++ {
				require.Less(t, runs, 40, f.output.String())
			}
			require.GreaterOrEqual(t, runs, 3)
			requireSameFiles(t, want, directoryContent(t, f.dir))
			for _, r := range s.Requests(fetchtest.Download)[1:] {
				require.NotEmpty(t, r.Header.Get("Range"), r.N)
			}
			require.Len(t, s.Requests(fetchtest.KickOff), 1, "all runs continue the same export")
			require.Zero(t, s.Exports())
			requireOneLog(t, f.dir)
		})
	}
}

// requireOneLog checks that the log of several runs is that of one export.
func requireOneLog(t *testing.T, dir string) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(dir, "log.ndjson"))
	require.NoError(t, err)
	ids, events := map[string]bool{}, map[string]int{}
	for line := range bytes.Lines(log) {
		var event struct{ ExportID, EventID string }
		require.NoError(t, json.Unmarshal(line, &event), string(line))
		ids[event.ExportID] = true
		events[event.EventID]++
	}
	require.Len(t, ids, 1, "identifiers of exports")
	require.Equal(t, 1, events["export_complete"], events)
	require.Equal(t, 1, events["download_complete"], events)
}

// awaitProgress waits until more bytes are kept than before, and the state has what is
// needed to continue the files, which is stored every few seconds. It returns the number of
// bytes.
func (f *fetcher) awaitProgress(before int64, kept func(*fetcher) int64) (now int64) {
	eventually(f.t, "progress of a partial file", func() (bool, any) {
		state, err := os.ReadFile(filepath.Join(f.dir, ".sluice-fetch.json"))
		now = kept(f)
		return err == nil && bytes.Contains(state, []byte(`"etag":`)) && now > before, string(state)
	})
	return now
}

// partialBytes returns the size of all partial files.
func (f *fetcher) partialBytes() (bytes int64) {
	names, _ := filepath.Glob(filepath.Join(f.dir, "Patient*.part")) // the pattern is valid
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// memberBytes returns the size of all complete gzip members of partial files. What follows
// the last one is received again.
func (f *fetcher) memberBytes() (size int64) {
	names, _ := filepath.Glob(filepath.Join(f.dir, "Patient*.part")) // the pattern is valid
	for _, name := range names {
		content, _ := os.ReadFile(name) // it may be complete meanwhile
		rest := bytes.NewReader(content)
		for {
			member, err := gzip.NewReader(rest)
			if err != nil {
				break
			}
			member.Multistream(false)
			if _, err := io.Copy(io.Discard, member); err != nil {
				break
			}
			size = int64(len(content) - rest.Len())
		}
	}
	return size
}

// Ctrl-C ends a fetch with 130, and keeps what it has for the next run.
func TestFetchInterrupted(t *testing.T) {
	t.Parallel()
	options := fetchtest.Options{Files: fetchFiles(), TransactionTime: sameTime, Encoding: fetchtest.Negotiated}
	want := newFetcher(t).complete(fetchtest.New(t, options).BaseURL)
	const kickOff = 2 // after the one for the metadata
	for _, n := range []int{1, kickOff, 4, 6} {
		t.Run(fmt.Sprint("request ", n), func(t *testing.T) {
			t.Parallel()
			f := newFetcher(t)
			options := options
			interrupt := func() { f.signal(os.Interrupt) }
			if n == kickOff { // it waits for the response
				interrupt = func() { f.send(os.Interrupt) }
			}
			options.Faults = []fetchtest.Fault{fetchtest.Any.Nth(n, fetchtest.Do(interrupt))}
			s := fetchtest.New(t, options)
			require.Equal(t, 130, f.run(s.BaseURL), f.output.String())
			requireSameFiles(t, want, f.complete(s.BaseURL))
			require.LessOrEqual(t, s.Exports(), 1, "a kick-off may have reached the server")
		})
	}
}

// A second fetch to the same directory fails at once and disturbs nothing.
func TestFetchTwiceAtOnce(t *testing.T) {
	t.Parallel()
	options := fetchtest.Options{Files: fetchFiles()}
	want := newFetcher(t).complete(fetchtest.New(t, options).BaseURL)

	first := newFetcher(t)
	second := &fetcher{t: t, out: first.out}
	code := make(chan int, 1)
	address := make(chan string, 1)
	options.Faults = []fetchtest.Fault{fetchtest.Download.Nth(2, fetchtest.Do(func() { code <- second.run(<-address) }))}
	s := fetchtest.New(t, options)
	address <- s.BaseURL
	requireSameFiles(t, want, first.complete(s.BaseURL))
	require.Equal(t, cli.ExitFailed, <-code)
	require.Contains(t, second.output.String(), "another run")
	require.Len(t, s.Requests(fetchtest.KickOff), 1)
}

// A fetch to a bucket is killed within a file. Its lock expires after a minute, for which
// the next one waits.
func TestFetchToBucketKilled(t *testing.T) {
	t.Parallel()
	address := storagetest.Bucket(t)
	options := fetchtest.Options{Files: fetchFiles(), TransactionTime: sameTime, Encoding: fetchtest.Negotiated}
	want := newFetcher(t).complete(fetchtest.New(t, options).BaseURL)

	f := newFetcher(t)
	f.out, f.env = bucketOutput(t, address)
	options.Faults = []fetchtest.Fault{fetchtest.Download.Nth(4, fetchtest.DoAfter(5000, f.kill))}
	s := fetchtest.New(t, options)
	require.Equal(t, -1, f.run(s.BaseURL), f.output.String())
	require.Equal(t, cli.ExitOK, f.run(s.BaseURL), f.output.String())
	got := bucketContent(t, address)
	delete(got, "log.ndjson")
	for name, content := range got {
		got[name] = variable.ReplaceAllString(content, "…")
	}
	requireSameFiles(t, want, got)
	require.Len(t, s.Requests(fetchtest.KickOff), 1, "the second run continues the export of the first")
	require.Zero(t, s.Exports())
}
