package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/transfer"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// encodings are the ways a server sends a file.
var encodings = map[string]fetchtest.Encoding{
	"identity": fetchtest.Identity, "negotiated": fetchtest.Negotiated, "gzip file": fetchtest.GzipFile, "gzip always": fetchtest.GzipAlways,
}

// forEachForm runs a test for all encodings and both ways to store.
func forEachForm(t *testing.T, test func(t *testing.T, encoding fetchtest.Encoding, plain bool)) {
	for name, encoding := range encodings {
		for _, plain := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s plain=%v", name, plain), func(t *testing.T) { test(t, encoding, plain) })
		}
	}
}

// oracle runs a program on a file and returns the first word of its output.
func oracle(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	require.NoError(t, err, "%s: %s", program, out)
	word, _, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	return word
}

func TestUndisturbed(t *testing.T) {
	forEachForm(t, func(t *testing.T, encoding fetchtest.Encoding, plain bool) {
		server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{patients}, Encoding: encoding})
		f := newFixture(t, server, patients)
		f.opts.Plain = plain
		stored, content := f.mustRun()

		path := filepath.Join(f.dir, stored.Name)
		require.Equal(t, oracle(t, "sha256sum", path), stored.SHA256)
		require.EqualValues(t, len(content), stored.Bytes)
		require.EqualValues(t, 1000, stored.Lines)
		require.EqualValues(t, len(patients.NDJSON()), stored.PlainBytes)
		if plain {
			require.Equal(t, "Patient.0001.ndjson", stored.Name)
			require.Equal(t, "1000", oracle(t, "wc", "-l", path))
			require.Equal(t, string(patients.NDJSON()), string(content))
		} else {
			require.Equal(t, "Patient.0001.ndjson.gz", stored.Name)
			oracle(t, "gzip", "-t", path)
			require.Equal(t, string(patients.NDJSON()), string(gunzip(t, content)))
		}
		if encoding != fetchtest.Identity && !plain {
			require.Equal(t, string(server.Sent(patients)), string(content), "stored as received")
		}
		require.EqualValues(t, len(server.Sent(patients)), f.seen.total)
		require.EqualValues(t, len(server.Sent(patients)), f.seen.done)
		require.Len(t, server.Requests(fetchtest.Download), 1)
	})
}

// TestContinuesAfterAnyByte is a run that was killed when its partial file had any size.
func TestContinuesAfterAnyByte(t *testing.T) {
	few := fetchtest.File{Type: "Patient", Name: "Patient.ndjson", Lines: 3, LineBytes: 80}
	forEachForm(t, func(t *testing.T, encoding fetchtest.Encoding, plain bool) {
		server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{few}, Encoding: encoding})
		f := newFixture(t, server, few)
		f.opts.Plain = plain
		undisturbed, content := f.mustRun()
		origin := f.origin
		continued := 0
		tried := 0
		for size := range len(content) + 1 {
			if size > 20 && size < len(content)-20 && size%5 != 0 {
				continue
			}
			tried++
			f.dir, f.origin, f.seen = t.TempDir(), origin, recorder{}
			f.partial(content[:size])
			before := len(server.Requests(fetchtest.Download))
			stored, again := f.mustRun()
			require.Equal(t, undisturbed, stored)
			require.Equal(t, string(content), string(again))
			require.EqualValues(t, len(server.Sent(few)), f.seen.done)
			for _, request := range server.Requests(fetchtest.Download)[before:] {
				if request.Status == http.StatusPartialContent {
					continued++
				}
			}
		}
		if origin.Form == transfer.Received {
			require.Equal(t, tried-3, continued, "all but 0, 1 and all bytes")
		}
	})
}

// TestContinuesAfterMembers is a run that was killed while it compressed.
func TestContinuesAfterMembers(t *testing.T) {
	large := fetchtest.File{Type: "Patient", Name: "Patient.ndjson", Lines: 18, LineBytes: 2 << 20}
	server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{large}})
	f := newFixture(t, server, large)
	undisturbed, content := f.mustRun()
	require.Equal(t, transfer.Compressed, f.origin.Form)
	origin := f.origin
	for _, part := range []float64{0.1, 0.5, 0.9, 1} {
		f.dir, f.origin, f.seen = t.TempDir(), origin, recorder{}
		f.partial(content[:int(float64(len(content))*part)])
		before := len(server.Requests(fetchtest.Download))
		stored, again := f.mustRun()
		require.Equal(t, undisturbed, stored)
		require.True(t, bytes.Equal(content, again))
		want := map[float64][]string{0.1: {""}, 0.5: {fmt.Sprintf("bytes=%d-", 16<<20)}, 0.9: {fmt.Sprintf("bytes=%d-", 32<<20)}}[part]
		var ranges []string
		for _, request := range server.Requests(fetchtest.Download)[before:] {
			ranges = append(ranges, request.Header.Get("Range"))
		}
		require.Equal(t, want, ranges)
	}
}

// TestCompletePartial is a run that was killed before it published a file whose size the
// server does not tell.
func TestCompletePartial(t *testing.T) {
	forEachForm(t, func(t *testing.T, encoding fetchtest.Encoding, plain bool) {
		server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{patients}, Encoding: encoding, Faults: []fetchtest.Fault{
			fetchtest.Download.Always(fetchtest.Chunked()),
		}})
		f := newFixture(t, server, patients)
		f.opts.Plain = plain
		undisturbed, content := f.mustRun()
		require.Zero(t, f.origin.Size)
		f.dir, f.seen = t.TempDir(), recorder{}
		f.partial(content)
		stored, again := f.mustRun()
		require.Equal(t, undisturbed, stored)
		require.True(t, bytes.Equal(content, again))
		requests := server.Requests(fetchtest.Download)
		require.Len(t, requests, 2)
		if f.origin.Form != transfer.Unpacked {
			require.Equal(t, http.StatusRequestedRangeNotSatisfiable, requests[1].Status)
		}
	})
}

// TestCutConnections are connections that end after each number of bytes, and a run that is
// interrupted as well.
func TestCutConnections(t *testing.T) {
	cuts := map[string]func(int) fetchtest.Effect{"length": fetchtest.CutAfter, "chunked": fetchtest.CutChunkedAfter}
	forEachForm(t, func(t *testing.T, encoding fetchtest.Encoding, plain bool) {
		for name, cut := range cuts {
			for _, size := range []int{1, 2, 1000, 10_007} {
				server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{patients}, Encoding: encoding, Faults: []fetchtest.Fault{
					fetchtest.Download.First(5, cut(size)),
				}})
				f := newFixture(t, server, patients)
				f.opts.Plain = plain
				_, content := f.mustRun()
				if !plain {
					content = gunzip(t, content)
				}
				require.True(t, bytes.Equal(patients.NDJSON(), content), "%s after %d bytes", name, size)
				requests := server.Requests(fetchtest.Download)
				require.Len(t, requests, 6)
				if size > 1 {
					require.Equal(t, fmt.Sprintf("bytes=%d-", 5*size), requests[5].Header.Get("Range"))
				}
			}
		}
	})
}

// TestInterrupted is a run that is cancelled again and again.
func TestInterrupted(t *testing.T) {
	forEachForm(t, func(t *testing.T, encoding fetchtest.Encoding, plain bool) {
		server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{patients}, Encoding: encoding, Faults: []fetchtest.Fault{
			fetchtest.Download.First(3, fetchtest.StallAfter(20_000)),
		}})
		f := newFixture(t, server, patients)
		f.opts.Plain = plain
		stop := errors.New("stop")
		for range 3 {
			ctx, cancel := context.WithCancelCause(t.Context())
			start := f.seen.done
			f.seen.onAdd = func(done int64) {
				if done >= start+20_000 || f.origin.Form == transfer.Unpacked || f.origin.Form == transfer.Compressed {
					cancel(stop)
				}
			}
			_, err := f.run(ctx)
			require.ErrorIs(t, err, stop)
			cancel(nil)
		}
		f.seen.onAdd = nil
		_, content := f.mustRun()
		if !plain {
			content = gunzip(t, content)
		}
		require.True(t, bytes.Equal(patients.NDJSON(), content))
		last := server.Requests(fetchtest.Download)[3]
		if f.origin.Form == transfer.Received {
			require.Equal(t, "bytes=60000-", last.Header.Get("Range"))
		} else {
			require.Empty(t, last.Header.Get("Range"))
		}
	})
}

// TestBeginsAgain are servers that cannot continue a file, or have another one.
func TestBeginsAgain(t *testing.T) {
	cut := fetchtest.Download.First(1, fetchtest.CutAfter(50_000))
	for name, faults := range map[string][]fetchtest.Fault{
		"no ranges":           {fetchtest.Download.Always(fetchtest.NoRanges())},
		"ranges ignored":      {fetchtest.Download.Always(fetchtest.RangesIgnored())},
		"weak ETag":           {fetchtest.Download.Always(fetchtest.WeakETag())},
		"changing ETag":       {fetchtest.Download.Always(fetchtest.ETagChanges())},
		"wrong Content-Range": {fetchtest.Download.Always(fetchtest.WrongContentRange())},
		"rewritten":           {fetchtest.Download.First(1, fetchtest.Rewritten())},
		"rewritten, and If-Range ignored": {
			fetchtest.Download.First(1, fetchtest.Rewritten()), fetchtest.Download.Always(fetchtest.IfRangeIgnored()),
		},
		"no validator": {fetchtest.Download.Always(fetchtest.NoETag(), fetchtest.WithHeaders(fetchtest.Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))))},
		"416":          {fetchtest.Download.Nth(2, fetchtest.Reject(416))},
	} {
		t.Run(name, func(t *testing.T) {
			for _, encoding := range encodings {
				server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{patients}, Encoding: encoding, Faults: append(faults, cut)})
				f := newFixture(t, server, patients)
				f.opts.Verify = transfer.NoneOf // which would repeat the download
				_, content := f.mustRun()
				require.True(t, bytes.Equal(patients.NDJSON(), gunzip(t, content)))
				require.Contains(t, f.seen.resets[1:], int64(0))
				for _, request := range server.Requests(fetchtest.Download) {
					require.Equal(t, request.Header.Get("Range") == "", request.Header.Get("If-Range") == "")
				}
			}
		})
	}
}

// rest sends the rest of a file for a request with a range, after a change of the response.
func rest(w http.ResponseWriter, r *http.Request, content []byte, change func(h http.Header, from int) (end int)) {
	var from int
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil || r.Header.Get("If-Range") != `"1"` {
		http.Error(w, "no range", http.StatusTeapot)
		return
	}
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
	end := change(w.Header(), from)
	w.Header().Set("Content-Length", strconv.Itoa(end-from))
	w.WriteHeader(http.StatusPartialContent)
	_, _ = w.Write(content[from:end])
}

// TestRanges are responses to a request for the rest of a file.
func TestRanges(t *testing.T) {
	content := patients.NDJSON()
	size := len(content)
	for name, test := range map[string]struct {
		change    func(h http.Header, from int) int
		continues bool
	}{
		"right": {func(http.Header, int) int { return size }, true},
		"unknown size": {func(h http.Header, from int) int {
			h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/*", from, size-1))
			return size
		}, true},
		"pieces":  {func(_ http.Header, from int) int { return min(from+50_000, size) }, true},
		"encoded": {func(h http.Header, _ int) int { h.Set("Content-Encoding", "gzip"); return size }, false},
		"another begin": {func(h http.Header, from int) int {
			h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from-1, size-1, size))
			return size
		}, false},
		"another size": {func(h http.Header, from int) int {
			h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, size, size+1))
			return size
		}, false},
		"no range":       {func(h http.Header, _ int) int { h.Del("Content-Range"); return size }, false},
		"another entity": {func(h http.Header, _ int) int { h.Set("ETag", `"2"`); return size }, false},
	} {
		t.Run(name, func(t *testing.T) {
			var ranges []string
			f := handlerFixture(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ranges = append(ranges, r.Header.Get("Range"))
				w.Header().Set("ETag", `"1"`)
				switch {
				case len(ranges) == 1:
					w.Header().Set("Content-Length", strconv.Itoa(size))
					_, _ = w.Write(content[:20_000]) // which cuts the connection
				case r.Header.Get("Range") != "":
					if r.Header.Get("Accept-Encoding") != "identity" {
						t.Error("the rest may come compressed")
					}
					rest(w, r, content, test.change)
				default:
					_, _ = w.Write(content)
				}
			}))
			f.opts.Plain, f.opts.Verify = true, transfer.NoneOf
			_, got := f.mustRun()
			require.True(t, bytes.Equal(content, got))
			require.Equal(t, "bytes=20000-", ranges[1])
			if test.continues {
				require.NotContains(t, ranges[1:], "")
			} else {
				require.Equal(t, []string{"", "bytes=20000-", ""}, ranges)
			}
		})
	}
}

// TestPiecesOfUnknownSize is a server that never says how large the file is, and sends it in
// pieces after a cut.
func TestPiecesOfUnknownSize(t *testing.T) {
	content := patients.NDJSON()
	for name, end := range map[string]func(http.Header){
		"end with size":    func(h http.Header) { h.Set("Content-Range", fmt.Sprintf("bytes */%d", len(content))) },
		"end without size": func(http.Header) {},
	} {
		t.Run(name, func(t *testing.T) {
			cut := true
			f := handlerFixture(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("ETag", `"1"`)
				var from int
				if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil {
					_, _ = w.Write(content[:20_000])
					_ = http.NewResponseController(w).Flush() // thus without Content-Length
					if cut {
						cut = false
						panic(http.ErrAbortHandler)
					}
					_, _ = w.Write(content[20_000:])
					return
				}
				if from == len(content) {
					end(w.Header())
					w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
					return
				}
				to := min(from+50_000, len(content))
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/*", from, to-1))
				w.WriteHeader(http.StatusPartialContent)
				_, _ = w.Write(content[from:to])
			}))
			f.opts.Plain, f.expect = true, transfer.Expectation{Type: "Patient", Count: -1, Size: -1}
			_, got := f.mustRun()
			require.True(t, bytes.Equal(content, got), "%d of %d bytes", len(got), len(content))
		})
	}
}

func TestContinuesByLastModified(t *testing.T) {
	server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{patients}, Faults: []fetchtest.Fault{
		fetchtest.Download.Always(fetchtest.NoETag()), fetchtest.Download.First(1, fetchtest.CutAfter(50_000)),
	}})
	f := newFixture(t, server, patients)
	f.mustRun()
	last := server.Requests(fetchtest.Download)[1]
	require.Equal(t, http.StatusPartialContent, last.Status)
	require.Equal(t, "Thu, 01 Jan 2026 00:00:00 GMT", last.Header.Get("If-Range"))
}

// TestPartialOfAnotherForm are partial files that cannot be continued with the options of
// the run.
func TestPartialOfAnotherForm(t *testing.T) {
	forEachForm(t, func(t *testing.T, encoding fetchtest.Encoding, plain bool) {
		server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{patients}, Encoding: encoding})
		f := newFixture(t, server, patients)
		f.opts.Plain = !plain
		_, content := f.mustRun()
		f.dir, f.opts.Plain = t.TempDir(), plain
		f.partial(content[:len(content)/2])
		_, content = f.mustRun()
		if !plain {
			content = gunzip(t, content)
		}
		require.True(t, bytes.Equal(patients.NDJSON(), content))
	})
}

// TestHoles is a partial file after a loss of power.
func TestHoles(t *testing.T) {
	server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{patients}})
	f := newFixture(t, server, patients)
	f.opts.Plain, f.opts.Verify = true, transfer.NoneOf
	_, content := f.mustRun()
	f.dir = t.TempDir()
	f.partial(append(content[:10_000:10_000], make([]byte, 5000)...))
	_, again := f.mustRun()
	require.True(t, bytes.Equal(content, again))
	require.Equal(t, "bytes=10000-", server.Requests(fetchtest.Download)[1].Header.Get("Range"))
}

// TestHolesOfGzip are found whatever is verified.
func TestHolesOfGzip(t *testing.T) {
	for _, verify := range []transfer.Verification{transfer.NoneOf, transfer.Size, transfer.Full} {
		server := fetchtest.New(t, fetchtest.Options{Encoding: fetchtest.GzipFile, Files: []fetchtest.File{patients}})
		f := newFixture(t, server, patients)
		f.opts.Verify, f.expect = verify, transfer.Expectation{Type: "Patient", Count: -1, Size: int64(len(server.Sent(patients)))}
		_, content := f.mustRun()
		f.dir = t.TempDir()
		hole := bytes.Clone(content[:len(content)/2])
		clear(hole[len(hole)-1000:])
		f.partial(hole)
		_, again := f.mustRun()
		require.True(t, bytes.Equal(content, again), "%s", verify)
	}
}

// TestHolesOfOpaque are found only by a hash: without one, the file begins again.
func TestHolesOfOpaque(t *testing.T) {
	table := append([]byte("PAR1"), bytes.Repeat([]byte{0, 1, '\n'}, 10_000)...)
	for _, test := range []struct {
		verify    transfer.Verification
		hash      bool
		continues bool
	}{{transfer.NoneOf, true, false}, {transfer.Size, true, false}, {transfer.Full, false, false}, {transfer.Full, true, true}} {
		server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{{Type: "Patient", Name: "a", Content: table}}, Faults: []fetchtest.Fault{
			fetchtest.Download.Always(fetchtest.WithHeaders(fetchtest.Set("Content-Type", "application/vnd.apache.parquet"))),
		}})
		f := newFixture(t, server, fetchtest.File{Content: table})
		f.opts.Verify, f.expect.Count = test.verify, -1
		if !test.hash {
			f.expect.SHA256 = ""
		}
		f.mustRun()
		for _, damaged := range []bool{false, true} {
			f.dir = t.TempDir()
			partial := bytes.Clone(table[:20_000])
			if damaged {
				clear(partial[10_000:])
			}
			f.partial(partial)
			before := len(server.Requests(fetchtest.Download))
			_, again := f.mustRun()
			require.True(t, bytes.Equal(table, again), "%+v", test)
			first := server.Requests(fetchtest.Download)[before]
			require.Equal(t, test.continues, first.Header.Get("Range") != "", "%+v", test)
		}
	}
}

// TestPartialThatDoesNotFit are partial files that are longer than the file, or incomplete
// without a validator.
func TestPartialThatDoesNotFit(t *testing.T) {
	for _, plain := range []bool{false, true} {
		server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{patients}})
		f := newFixture(t, server, patients)
		f.opts.Plain = plain
		_, content := f.mustRun()
		origin := f.origin
		for _, change := range []func(){
			func() { f.origin.Size -= 10 },
			func() { f.origin.Size, f.origin.ETag, f.origin.LastModified = f.origin.Size+10, "", "" },
			func() { f.origin.Size, f.origin.ETag, f.origin.LastModified = 0, "", "" },
			func() { f.origin = transfer.Origin{} },
		} {
			f.dir, f.origin = t.TempDir(), origin
			f.partial(content)
			change()
			before := len(server.Requests(fetchtest.Download))
			_, again := f.mustRun()
			require.True(t, bytes.Equal(content, again))
			requests := server.Requests(fetchtest.Download)[before:]
			require.Len(t, requests, 1)
			require.Empty(t, requests[0].Header.Get("Range"))
		}
	}
}

func TestEmptyFile(t *testing.T) {
	empty := fetchtest.File{Type: "Patient", Name: "Patient.ndjson"}
	forEachForm(t, func(t *testing.T, encoding fetchtest.Encoding, plain bool) {
		server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{empty}, Encoding: encoding})
		f := newFixture(t, server, empty)
		f.opts.Plain = plain
		stored, content := f.mustRun()
		require.Zero(t, stored.Lines)
		require.Zero(t, stored.PlainBytes)
		if !plain {
			content = gunzip(t, content)
		}
		require.Empty(t, content)
	})
}

func TestRateLimit(t *testing.T) {
	server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{patients}})
	f := newFixture(t, server, patients)
	f.opts.Limit = rate.NewLimiter(1<<20, 10_000)
	start := time.Now()
	f.mustRun()
	require.Greater(t, time.Since(start), 150*time.Millisecond, "200 kB at 1 MiB/s")
}

// TestStream is standard output: plain, and not written twice.
func TestStream(t *testing.T) {
	for _, encoding := range encodings {
		server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{patients}, Encoding: encoding, Faults: []fetchtest.Fault{
			fetchtest.Download.Always(fetchtest.NoRanges()),
			fetchtest.Download.First(2, fetchtest.CutAfter(40_000)),
		}})
		f := newFixture(t, server, patients)
		var written bytes.Buffer
		file, err := output.Stream(&written).Create(t.Context(), "a.ndjson")
		require.NoError(t, err)
		f.opts.Plain = true
		d := transfer.Download{Client: f.client, Links: f.links, Expect: f.expect, File: file, Name: "a.ndjson", Options: f.opts}
		stored, err := d.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, f.expect.SHA256, stored.SHA256)
		require.True(t, bytes.Equal(patients.NDJSON(), written.Bytes()))
		require.Len(t, server.Requests(fetchtest.Download), 3)
	}
}

// TestBucket needs a store.
func TestBucket(t *testing.T) {
	bucketURL := storagetest.Bucket(t)
	u, err := url.Parse(bucketURL)
	require.NoError(t, err)
	secret, _ := u.User.Password()
	t.Setenv("AWS_ACCESS_KEY_ID", u.User.Username())
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_REGION", u.Query().Get("region"))
	t.Setenv("AWS_ENDPOINT_URL_S3", u.Scheme+"://"+u.Host)
	out, err := output.Bucket(t.Context(), "s3:/"+u.Path)
	require.NoError(t, err)
	large := fetchtest.File{Type: "Patient", Name: "Patient.ndjson", Lines: 10, LineBytes: 2 << 20}
	for _, encoding := range []fetchtest.Encoding{fetchtest.Identity, fetchtest.GzipFile} {
		server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{large}, Encoding: encoding, Faults: []fetchtest.Fault{
			fetchtest.Download.Nth(1, fetchtest.Rewritten()),
			fetchtest.Download.First(2, fetchtest.CutAfter(9_500_000)),
		}})
		f := newFixture(t, server, large)
		file, err := out.Create(t.Context(), "a.ndjson")
		require.NoError(t, err)
		d := transfer.Download{Client: f.client, Links: f.links, Expect: f.expect, File: file, Name: "a.ndjson", Options: f.opts}
		stored, err := d.Run(t.Context())
		require.NoError(t, errors.Join(err, file.Close()))
		r, err := out.Open(t.Context(), stored.Name)
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, errors.Join(err, r.Close()))
		require.True(t, bytes.Equal(large.NDJSON(), gunzip(t, content)))
		requests := server.Requests(fetchtest.Download)
		require.Len(t, requests, 3)
		require.Equal(t, http.StatusPartialContent, requests[2].Status)
	}
}

func TestLocalErrorsAreNotOfTheServer(t *testing.T) {
	forEachForm(t, func(t *testing.T, encoding fetchtest.Encoding, plain bool) {
		server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{patients}, Encoding: encoding})
		f := newFixture(t, server, patients)
		f.opts.Plain = plain
		full := errors.New("disk full")
		d := transfer.Download{Client: f.client, Links: f.links, Expect: f.expect, File: &failingFile{err: full}, Name: "a.ndjson", Options: f.opts}
		_, err := d.Run(t.Context())
		require.ErrorIs(t, err, full)
		var remote *transfer.RemoteError
		require.NotErrorAs(t, err, &remote)
		require.Len(t, server.Requests(fetchtest.Download), 1)
	})
}
