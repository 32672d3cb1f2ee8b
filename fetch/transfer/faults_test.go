package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/fetch/transfer"
)

// download runs a download from a server with faults and returns the fixture and the error.
func download(t *testing.T, options fetchtest.Options, change func(*fixture)) (*fixture, *fetchtest.Server, error) {
	t.Helper()
	if options.Files == nil {
		options.Files = []fetchtest.File{patients}
	}
	server := fetchtest.New(t, options)
	f := newFixture(t, server, options.Files[0])
	if change != nil {
		change(f)
	}
	stored, err := f.run(t.Context())
	if err == nil {
		require.True(t, bytes.Equal(options.Files[0].NDJSON(), gunzip(t, f.onlyFile(stored.Name))))
	}
	return f, server, err
}

func TestRepeatsTransientFailures(t *testing.T) {
	for name, effect := range map[string]fetchtest.Effect{
		"408": fetchtest.Reject(408), "429": fetchtest.Reject(429), "500": fetchtest.Reject(500), "502": fetchtest.Reject(502),
		"503": fetchtest.Reject(503), "504": fetchtest.Reject(504), "reset": fetchtest.Reset(),
		"stall": fetchtest.Stall(), "stall in the body": fetchtest.StallAfter(1000),
	} {
		t.Run(name, func(t *testing.T) {
			f, server, err := download(t, fetchtest.Options{Faults: []fetchtest.Fault{fetchtest.Download.First(2, effect)}},
				func(f *fixture) { f.opts.StallTimeout = 3 * time.Second })
			require.NoError(t, err)
			require.Len(t, server.Requests(fetchtest.Download), 3)
			congested := map[string]int{"408": 2, "429": 2, "503": 2, "504": 2, "stall": 2, "stall in the body": 2}[name]
			require.Equal(t, congested, f.seen.congested)
		})
	}
}

// TestStalledRefusal is a refusal whose body does not arrive. It is awaited for a shorter time
// than files.
func TestStalledRefusal(t *testing.T) {
	count := 0
	f := handlerFixture(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if count++; count > 1 {
			_, _ = w.Write(patients.NDJSON())
			return
		}
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, err := f.run(ctx)
	require.NoError(t, err)
	require.Equal(t, 2, count)
}

// The second failure in a row is reported, though its wait is short.
func TestOutageIsReported(t *testing.T) {
	for failures, want := range []int{0, 0, 1, 1} {
		var warnings []string
		_, _, err := download(t, fetchtest.Options{Faults: []fetchtest.Fault{fetchtest.Download.First(failures, fetchtest.Reject(500))}},
			func(f *fixture) { f.warn = func(text string) { warnings = append(warnings, text) } })
		require.NoError(t, err)
		require.Len(t, warnings, want, "%d failures", failures)
	}
}

// TestWaits are the waits that servers ask for. Waits are shortened in tests, so that their
// reports are looked at.
func TestWaits(t *testing.T) {
	for name, test := range map[string]struct {
		effect   fetchtest.Effect
		from, to time.Duration
	}{
		"seconds":        {fetchtest.Reject(429, fetchtest.RetryAfter("20")), 20 * time.Second, 24 * time.Second},
		"date":           {fetchtest.Reject(429, fetchtest.RetryAfterDate(20*time.Second, -5*time.Hour)), 20 * time.Second, 24 * time.Second},
		"hours":          {fetchtest.Reject(503, fetchtest.RetryAfter("7200")), 2 * time.Hour, 144 * time.Minute},
		"hours with 500": {fetchtest.Reject(500, fetchtest.RetryAfter("7200")), time.Minute, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			var warnings []string
			_, _, err := download(t, fetchtest.Options{Faults: []fetchtest.Fault{fetchtest.Download.First(1, test.effect)}},
				func(f *fixture) { f.warn = func(text string) { warnings = append(warnings, text) } })
			require.NoError(t, err)
			require.Len(t, warnings, 1)
			_, text, found := strings.Cut(warnings[0], "; the download continues in ")
			require.True(t, found, warnings[0])
			wait, err := time.ParseDuration(text)
			require.NoError(t, err)
			require.GreaterOrEqual(t, wait, test.from.Truncate(time.Second)-time.Second)
			require.LessOrEqual(t, wait, test.to)
		})
	}
}

// TestWaitsAtLeastASecond is a server that asks for no wait at all: with waits of a second,
// a thousand times shortened, few requests fit into the time.
func TestWaitsAtLeastASecond(t *testing.T) {
	_, server, err := download(t, fetchtest.Options{Faults: []fetchtest.Fault{fetchtest.Download.Always(fetchtest.Reject(503, fetchtest.RetryAfter("0")))}},
		func(f *fixture) { f.opts.RetryFor = 100 * time.Millisecond })
	require.Error(t, err)
	require.LessOrEqual(t, len(server.Requests(fetchtest.Download)), 101)
}

func TestGivesUp(t *testing.T) {
	for name, test := range map[string]struct {
		effect fetchtest.Effect
		status int
		text   string
	}{
		"transient for too long": {fetchtest.RejectWith(503, "try later"), 503, "503 Service Unavailable"},
		"reset for too long":     {fetchtest.Reset(), 0, "EOF"},
		"permanent":              {fetchtest.RejectWith(400, "no such parameter: https://x/y?signature=123"), 400, "400 Bad Request: no such parameter: https://x/y?…"},
		"not implemented":        {fetchtest.Reject(501), 501, "501 Not Implemented"},
	} {
		t.Run(name, func(t *testing.T) {
			_, server, err := download(t, fetchtest.Options{Faults: []fetchtest.Fault{fetchtest.Download.Always(test.effect)}},
				func(f *fixture) { f.opts.RetryFor = 300 * time.Millisecond })
			var remote *transfer.RemoteError
			require.ErrorAs(t, err, &remote)
			require.Equal(t, test.status, remote.Status)
			require.ErrorContains(t, err, "Patient.0001.ndjson: ")
			require.ErrorContains(t, err, test.text)
			require.NotContains(t, err.Error(), "signature=123")
			require.NotContains(t, err.Error(), "generation")
			require.NotContains(t, err.Error(), "/files/", "the link")
			if test.status == 400 || test.status == 501 {
				require.Len(t, server.Requests(fetchtest.Download), 1)
			} else {
				require.Greater(t, len(server.Requests(fetchtest.Download)), 3)
			}
		})
	}
}

// TestProgressExtendsTheTime is a server that cuts each response, for longer in all than a
// download is repeated without receiving a byte.
func TestProgressExtendsTheTime(t *testing.T) {
	pause := func() { time.Sleep(250 * time.Millisecond) }
	_, server, err := download(t, fetchtest.Options{Faults: []fetchtest.Fault{
		fetchtest.Download.Always(fetchtest.Do(pause), fetchtest.CutAfter(20_000)),
	}}, func(f *fixture) { f.opts.RetryFor = 2 * time.Second })
	require.NoError(t, err)
	require.Len(t, server.Requests(fetchtest.Download), 10)
}

// TestGivesUpWithoutProgress is a server that cuts each response at the same byte, and
// always begins from the start.
func TestGivesUpWithoutProgress(t *testing.T) {
	f, server, err := download(t, fetchtest.Options{Faults: []fetchtest.Fault{
		fetchtest.Download.Always(fetchtest.NoRanges(), fetchtest.CutAfter(20_000)),
	}}, nil)
	var remote *transfer.RemoteError
	require.ErrorAs(t, err, &remote)
	require.Len(t, server.Requests(fetchtest.Download), 12)
	require.EqualValues(t, 20_000, f.seen.done)
}

// TestReceivedAgainIsNoProgress is a server that cuts each response at the same byte: the
// time of a download ends although bytes arrive.
func TestReceivedAgainIsNoProgress(t *testing.T) {
	pause := func() { time.Sleep(150 * time.Millisecond) }
	_, server, err := download(t, fetchtest.Options{Faults: []fetchtest.Fault{
		fetchtest.Download.Always(fetchtest.NoRanges(), fetchtest.CutAfter(20_000), fetchtest.Do(pause)),
	}}, func(f *fixture) { f.opts.RetryFor = 300 * time.Millisecond })
	var remote *transfer.RemoteError
	require.ErrorAs(t, err, &remote)
	require.LessOrEqual(t, len(server.Requests(fetchtest.Download)), 4)
}

// TestHidesCredentials is a server that quotes the credentials.
func TestHidesCredentials(t *testing.T) {
	f := handlerFixture(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		fetchtest.Outcome(w, http.StatusConflict, "not allowed: "+r.Header.Get("Authorization")+" "+password)
	}))
	f.links.authorize = true
	_, err := f.run(t.Context())
	require.ErrorContains(t, err, "409 Conflict: not allowed: Basic *** ***")
	require.NotContains(t, err.(interface{ Unwrap() error }).Unwrap().Error(), "secret")
}

func TestRenewsLinks(t *testing.T) {
	for name, how := range map[string]fetchtest.Expiry{
		"403": fetchtest.Expired403, "400": fetchtest.Expired400, "401": fetchtest.Expired401, "404": fetchtest.Expired404, "410": fetchtest.Expired410,
	} {
		for _, host := range []fetchtest.Host{fetchtest.OnServer, fetchtest.Presigned} {
			t.Run(name, func(t *testing.T) {
				f, server, err := download(t, fetchtest.Options{
					Links: fetchtest.Links{Host: host, Move: true},
					Faults: []fetchtest.Fault{
						fetchtest.Download.First(1, fetchtest.LinksExpire(how)),
						fetchtest.Download.Nth(2, fetchtest.CutAfter(10_000)),
						fetchtest.Download.Nth(3, fetchtest.LinksExpire(how)),
					}}, nil)
				require.NoError(t, err)
				require.Equal(t, 2, f.links.renewed)
				requests := server.Requests(fetchtest.Download)
				require.Len(t, requests, 4)
				require.Equal(t, "bytes=10000-", requests[3].Header.Get("Range"), "goes on with the new link")
			})
		}
	}
}

func TestRenewsLinksOnlyTwice(t *testing.T) {
	for _, status := range []int{401, 403, 404, 410} {
		f, server, err := download(t, fetchtest.Options{Faults: []fetchtest.Fault{fetchtest.Download.Always(fetchtest.Reject(status))}}, nil)
		var remote *transfer.RemoteError
		require.ErrorAs(t, err, &remote)
		require.Equal(t, status, remote.Status)
		require.Equal(t, 2, f.links.renewed)
		require.Len(t, server.Requests(fetchtest.Download), 3)
	}
}

// TestErrorsOfCallers are errors of links and logins, which are not of the output.
func TestErrorsOfCallers(t *testing.T) {
	failure := errors.New("refused")
	for name, change := range map[string]func(*fixture){
		"login": func(f *fixture) { f.links.authorize, f.login.err = true, failure },
		"links": func(f *fixture) { f.links.err = failure },
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := download(t, fetchtest.Options{Faults: []fetchtest.Fault{fetchtest.Download.Always(fetchtest.Reject(403))}}, change)
			var remote *transfer.RemoteError
			require.ErrorAs(t, err, &remote)
			require.ErrorIs(t, err, failure)
		})
	}
}

func TestAuthorization(t *testing.T) {
	for name, host := range map[string]fetchtest.Host{
		"on server": fetchtest.OnServer, "signed": fetchtest.Signed, "presigned": fetchtest.Presigned, "redirected": fetchtest.Redirected,
	} {
		t.Run(name, func(t *testing.T) {
			_, server, err := download(t, fetchtest.Options{
				Links: fetchtest.Links{Host: host},
				Auth:  fetchtest.Auth{Method: fetchtest.BasicAuth, ClientID: "client", Secret: "secret"},
				TLS:   true,
				Faults: []fetchtest.Fault{
					fetchtest.Download.First(1, fetchtest.CutAfter(10_000)),
				}}, func(f *fixture) { f.client.CheckRedirect = dropAuthorization })
			require.NoError(t, err)
			require.Len(t, server.Requests(fetchtest.Download), 2)
		})
	}
}

// TestWithheldCredentials are links to which the credentials are not sent.
func TestWithheldCredentials(t *testing.T) {
	for name, test := range map[string]struct {
		base   string
		bearer bool
		sent   bool
		text   string
	}{
		"without TLS":              {"https://127.0.0.1/fhir", false, false, "since it has no TLS"},
		"token without TLS":        {"https://example.org/fhir", true, false, "since it has no TLS"},
		"password to another host": {"http://example.org/fhir", false, false, "since it is on another server than the base URL"},
		"password to another port": {"http://127.0.0.1:1/fhir", false, false, "403 Forbidden; the password was not sent to http://127.0.0.1:"},
		"token to another host":    {"http://example.org/fhir", true, true, ""},
		"password to the server":   {"", false, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			sent := false
			f := handlerFixture(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if sent = r.Header.Get("Authorization") != ""; !sent {
					w.WriteHeader(http.StatusForbidden)
					return
				}
				_, _ = w.Write(patients.NDJSON())
			}))
			base, err := url.Parse(test.base)
			require.NoError(t, err)
			f.links.authorize, f.login.bearer = true, test.bearer
			if test.base != "" {
				f.base = base
			}
			_, err = f.run(t.Context())
			require.Equal(t, test.sent, sent)
			if test.sent {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.text)
			}
		})
	}
}

// dropAuthorization removes the credentials from redirects, as remote.Connection does.
func dropAuthorization(r *http.Request, via []*http.Request) error {
	if r.URL.Host != via[0].URL.Host {
		r.Header.Del("Authorization")
	}
	return nil
}

// TestTokenThatStoresReject is a manifest which says that signed links need the token.
func TestTokenThatStoresReject(t *testing.T) {
	var tokens int
	store := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			tokens++
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter</Message></Error>`))
			return
		}
		_, _ = w.Write(patients.NDJSON())
	})
	f := handlerFixture(t, store)
	f.links.authorize = true
	_, content := f.mustRun()
	require.True(t, bytes.Equal(patients.NDJSON(), gunzip(t, content)))
	require.Equal(t, 1, tokens)
}

// TestMismatch are files that are not what the manifest says.
func TestMismatch(t *testing.T) {
	for name, test := range map[string]struct {
		encoding fetchtest.Encoding
		effect   fetchtest.Effect
		change   func(*fixture)
		check    string
		text     string
	}{
		"count":          {change: func(f *fixture) { f.expect.Count++ }, check: "count", text: "expected 1001 lines, got 1000"},
		"size":           {change: func(f *fixture) { f.expect.Size++ }, check: "size"},
		"size of gzip":   {encoding: fetchtest.Negotiated, change: func(f *fixture) { f.expect.Size++ }, check: "size", text: "unpacked"},
		"sha256":         {change: func(f *fixture) { f.expect.SHA256 = string(bytes.Repeat([]byte("0"), 64)) }, check: "sha256"},
		"type":           {change: func(f *fixture) { f.expect.Type = "Observation" }, check: "type", text: "expected Observation, got Patient in line 1"},
		"damaged gzip":   {encoding: fetchtest.GzipFile, effect: fetchtest.CorruptAt(5000), check: "gzip"},
		"damaged plain":  {effect: fetchtest.CorruptAt(5000), check: "sha256"},
		"damaged begin":  {encoding: fetchtest.Negotiated, effect: fetchtest.CorruptAt(0), check: "gzip"},
		"truncated gzip": {encoding: fetchtest.Negotiated, effect: fetchtest.TruncateAfter(5000), check: "gzip", text: "ends too early"},
		"truncated":      {effect: fetchtest.TruncateAfter(5000), check: "size"},
	} {
		t.Run(name, func(t *testing.T) {
			options := fetchtest.Options{Encoding: test.encoding}
			if test.effect != nil {
				options.Faults = []fetchtest.Fault{fetchtest.Download.Always(test.effect)}
			}
			f, server, err := download(t, options, test.change)
			var mismatch *transfer.MismatchError
			require.ErrorAs(t, err, &mismatch)
			require.Equal(t, test.check, mismatch.Check)
			require.ErrorContains(t, err, test.text)
			require.Len(t, server.Requests(fetchtest.Download), 2)
			f.onlyFile("Patient.0001.ndjson.gz.bad")

			if test.effect != nil {
				options.Faults = []fetchtest.Fault{fetchtest.Download.First(1, test.effect)}
				_, server, err = download(t, options, test.change)
				require.NoError(t, err)
				require.Len(t, server.Requests(fetchtest.Download), 2)
			}
		})
	}
}

// TestDamageEndsADownload is damage at the beginning of a large file: the rest is not
// received, unless the file is kept.
func TestDamageEndsADownload(t *testing.T) {
	large := fetchtest.File{Type: "Patient", Name: "Patient.ndjson", Lines: 12, LineBytes: 1 << 20}
	f, _, err := download(t, fetchtest.Options{Encoding: fetchtest.GzipFile, Files: []fetchtest.File{large}, Faults: []fetchtest.Fault{
		fetchtest.Download.Always(fetchtest.CorruptAt(2)),
	}}, nil)
	require.ErrorContains(t, err, "gzip mismatch")
	require.Greater(t, f.seen.total, int64(6<<20))
	require.Len(t, f.seen.reached, 4)
	require.Less(t, f.seen.reached[2], f.seen.total/2, "received before the repetition")
	require.Equal(t, f.seen.total, f.seen.done)
}

// TestVerification is what is found with less verification.
func TestVerification(t *testing.T) {
	damaged := fetchtest.Options{Encoding: fetchtest.GzipFile, Faults: []fetchtest.Fault{fetchtest.Download.Always(fetchtest.CorruptAt(5000))}}
	server := fetchtest.New(t, fetchtest.Options{Encoding: fetchtest.GzipFile, Files: []fetchtest.File{patients}})
	sent := int64(len(server.Sent(patients)))
	for _, test := range []struct {
		verify transfer.Verification
		size   int64
		ok     bool
		sizeOf string
		lines  int64
	}{
		{transfer.NoneOf, 1, true, "", -1},
		{transfer.Size, 1, false, "", 0},
		{transfer.Size, sent, false, "", 0}, // the hash
		{transfer.Size, -1, true, "", -1},
		{transfer.Full, sent, false, "", 0},
	} {
		server := fetchtest.New(t, fetchtest.Options{Encoding: fetchtest.GzipFile, Files: []fetchtest.File{patients}, Faults: damaged.Faults})
		f := newFixture(t, server, patients)
		f.opts.Verify, f.expect.Size, f.expect.Count, f.expect.SHA256 = test.verify, test.size, 5, "0"
		stored, err := f.run(t.Context())
		require.Equal(t, test.ok, err == nil, "%+v: %v", test, err)
		if test.ok {
			require.Equal(t, test.sizeOf, stored.SizeOf)
			require.Equal(t, test.lines, stored.Lines)
		}
	}
}

// TestHashWithoutUnpacking is the hash of the stored bytes, which costs nothing.
func TestHashWithoutUnpacking(t *testing.T) {
	server := fetchtest.New(t, fetchtest.Options{Encoding: fetchtest.GzipFile, Files: []fetchtest.File{patients}})
	f := newFixture(t, server, patients)
	f.opts.Verify, f.expect = transfer.Size, expectation(server.Sent(patients))
	f.expect.Type, f.expect.Count = "Observation", 5
	stored, _ := f.mustRun()
	require.Equal(t, "stored", stored.SizeOf)
	require.EqualValues(t, -1, stored.Lines)
}

// TestSizes are sizes and hashes of the bytes sent or unpacked.
func TestSizes(t *testing.T) {
	for _, verify := range []transfer.Verification{transfer.Full, transfer.Size} {
		forEachForm(t, func(t *testing.T, encoding fetchtest.Encoding, plain bool) {
			server := fetchtest.New(t, fetchtest.Options{Encoding: encoding, Files: []fetchtest.File{patients}})
			for _, expected := range [][]byte{server.Sent(patients), patients.NDJSON()} {
				f := newFixture(t, server, patients)
				expect := expectation(expected)
				f.opts.Plain, f.opts.Verify, f.expect.Size, f.expect.SHA256 = plain, verify, expect.Size, expect.SHA256
				stored, _ := f.mustRun()
				want := "plain"
				switch isPlain := expected[0] == '{'; {
				case plain && isPlain, !plain && !isPlain:
					want = "stored"
				case !isPlain:
					want = "received"
				}
				require.Equal(t, want, stored.SizeOf)
			}
		})
	}
}

func TestStrict(t *testing.T) {
	content := []byte(`{"resourceType":"Patient"}` + "\n\n" + `{"id":"1","resourceType":"Group"}` + "\n" + `{"contained":[{"resourceType":"Patient"}]}`)
	options := fetchtest.Options{Files: []fetchtest.File{{Type: "Patient", Name: "Patient.ndjson", Content: content}}}
	change := func(f *fixture) { f.expect.Count = 3 }
	_, _, err := download(t, options, change)
	require.NoError(t, err)
	_, _, err = download(t, options, func(f *fixture) {
		change(f)
		f.opts.Verify = transfer.Strict
	})
	require.ErrorContains(t, err, "expected Patient, got Group in line 2")
}

// TestResumedMismatch is a partial file with damage: it costs one repetition, not the file.
func TestResumedMismatch(t *testing.T) {
	for _, encoding := range encodings {
		server := fetchtest.New(t, fetchtest.Options{Encoding: encoding, Files: []fetchtest.File{patients}})
		f := newFixture(t, server, patients)
		_, content := f.mustRun()
		f.dir = t.TempDir()
		damaged := bytes.Clone(content[:len(content)/2])
		damaged[len(damaged)/2] ^= 1
		f.partial(damaged)
		_, again := f.mustRun()
		require.True(t, bytes.Equal(content, again))
	}
}

// TestOpaque are files that are not ndjson.
func TestOpaque(t *testing.T) {
	table := append([]byte("PAR1"), bytes.Repeat([]byte{0, 1, '\n'}, 10_000)...)
	for _, encoding := range []fetchtest.Encoding{fetchtest.Identity, fetchtest.GzipAlways} {
		server := fetchtest.New(t, fetchtest.Options{Encoding: encoding, Files: []fetchtest.File{{Type: "Patient", Name: "a", Content: table}}, Faults: []fetchtest.Fault{
			fetchtest.Download.Always(fetchtest.WithHeaders(fetchtest.Set("Content-Type", "application/vnd.apache.parquet"))),
			fetchtest.Download.First(1, fetchtest.CutAfter(20)),
		}})
		f := newFixture(t, server, fetchtest.File{Content: table})
		f.expect.Count = 7
		stored, content := f.mustRun()
		require.Equal(t, "Patient.0001.ndjson", stored.Name)
		require.True(t, bytes.Equal(table, content))
		require.EqualValues(t, -1, stored.Lines)
		require.Equal(t, http.StatusPartialContent, server.Requests(fetchtest.Download)[1].Status)
	}
}

func TestUnknownEncoding(t *testing.T) {
	_, _, err := download(t, fetchtest.Options{Faults: []fetchtest.Fault{
		fetchtest.Download.Always(fetchtest.WithHeaders(fetchtest.Set("Content-Encoding", "br"))),
	}}, nil)
	require.ErrorContains(t, err, `uses Content-Encoding "br"`)
}

// TestForgottenEncoding is a proxy that unpacks and leaves the header.
func TestForgottenEncoding(t *testing.T) {
	_, _, err := download(t, fetchtest.Options{Faults: []fetchtest.Fault{
		fetchtest.Download.Always(fetchtest.WithHeaders(fetchtest.Set("Content-Encoding", "gzip"))),
	}}, nil)
	require.NoError(t, err)
}

// TestEmptyResponse is an empty file which the server calls gzip.
func TestEmptyResponse(t *testing.T) {
	for _, plain := range []bool{false, true} {
		f := handlerFixture(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(http.StatusOK)
		}))
		f.expect, f.opts.Plain = expectation(nil), plain
		_, content := f.mustRun()
		if !plain {
			content = gunzip(t, content)
		}
		require.Empty(t, content)
	}
}

func TestFileOfOneByte(t *testing.T) {
	requests := 0
	f := handlerFixture(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		_, _ = w.Write([]byte("\n"))
	}))
	f.expect = transfer.Expectation{Type: "Patient", Count: 0, Size: 1}
	_, content := f.mustRun()
	require.Equal(t, "\n", string(gunzip(t, content)))
	require.Equal(t, 1, requests)
}

func TestPages(t *testing.T) {
	f := handlerFixture(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>Please log in</html>"))
	}))
	f.expect = transfer.Expectation{Type: "Patient", Count: -1, Size: -1}
	_, err := f.run(t.Context())
	require.ErrorContains(t, err, "expected Patient, got no resourceType in line 1")
	_, err = os.Stat(filepath.Join(f.dir, "Patient.0001.ndjson.gz.bad"))
	require.NoError(t, err)
}

// TestRenewsTokens is a token that is rejected while a file is downloaded.
func TestRenewsTokens(t *testing.T) {
	for renewals, requests := range map[int]int{1: 2, 2: 3, 5: 5} {
		count := 0
		f := handlerFixture(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if count++; count <= renewals {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = w.Write(patients.NDJSON())
		}))
		f.links.authorize, f.login.renews = true, true
		_, err := f.run(t.Context())
		require.Equal(t, renewals <= 2, err == nil, "%d: %v", renewals, err)
		require.Equal(t, requests, count)
	}
}

func TestHTTP2(t *testing.T) {
	_, server, err := download(t, fetchtest.Options{TLS: true, HTTP2: true, Encoding: fetchtest.Negotiated, Faults: []fetchtest.Fault{
		fetchtest.Download.First(2, fetchtest.CutAfter(10_000)),
		fetchtest.Download.Nth(3, fetchtest.Reset()),
		fetchtest.Download.Nth(4, fetchtest.StallAfter(10_000)),
	}}, func(f *fixture) { f.opts.StallTimeout = 5 * time.Second })
	require.NoError(t, err)
	requests := server.Requests(fetchtest.Download)
	require.Len(t, requests, 5)
	require.Equal(t, "bytes=30000-", requests[4].Header.Get("Range"))
}
