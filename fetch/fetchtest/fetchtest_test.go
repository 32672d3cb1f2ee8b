package fetchtest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answer is a response with its body.
type answer struct {
	*http.Response
	body string
	err  error // of reading the body
}

// send sends a request and reads its response.
func send(t *testing.T, s *Server, method, url string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.Client().Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return answer{response, string(body), err}
}

// manifest is what tests read of a manifest.
type manifest struct {
	TransactionTime     string
	RequiresAccessToken bool
	Output, Deleted     []struct {
		Type, URL string
		Count     int
		Extension struct{ SHA256 string }
	}
	Link []struct{ Relation, URL string }
}

// export kicks off an export and returns the manifest and the status URL.
func startExport(t *testing.T, s *Server, headers ...string) (m manifest, status string) {
	t.Helper()
	a := send(t, s, http.MethodGet, s.BaseURL+"/$export", append(headers, "Prefer", "respond-async")...)
	require.Equal(t, http.StatusAccepted, a.StatusCode, a.body)
	status = a.Header.Get("Content-Location")
	return readManifest(t, s, status, headers...), status
}

func readManifest(t *testing.T, s *Server, url string, headers ...string) (m manifest) {
	t.Helper()
	a := send(t, s, http.MethodGet, url, headers...)
	require.Equal(t, http.StatusOK, a.StatusCode, a.body)
	require.NoError(t, json.Unmarshal([]byte(a.body), &m))
	return m
}

func TestServerWithoutFaults(t *testing.T) {
	files := append(Files("Patient", 3, 10), Deletions("Bundle.1.ndjson", "Patient/1"))
	s := New(t, Options{Files: files, TLS: true, Pages: 2, Manifest: ManifestOptions{SHA256: true}})
	m, status := startExport(t, s)
	require.Equal(t, "2026-01-01T01:00:00.000Z", m.TransactionTime)
	require.Len(t, m.Output, 2)
	require.Equal(t, 10, m.Output[0].Count)
	second := readManifest(t, s, m.Link[0].URL)
	require.Len(t, second.Output, 1)
	require.Len(t, second.Deleted, 1)
	require.Empty(t, second.Link)

	a := send(t, s, http.MethodGet, m.Output[1].URL)
	require.Equal(t, string(files[1].NDJSON()), a.body)
	require.Equal(t, 10, strings.Count(a.body, "\n"))
	rest := send(t, s, http.MethodGet, m.Output[1].URL, "Range", "bytes=100-", "If-Range", a.Header.Get("ETag"))
	require.Equal(t, http.StatusPartialContent, rest.StatusCode)
	require.Equal(t, a.body[100:], rest.body)

	require.Equal(t, http.StatusAccepted, send(t, s, http.MethodDelete, status).StatusCode)
	require.Equal(t, http.StatusNotFound, send(t, s, http.MethodGet, status).StatusCode)
	require.Zero(t, s.Exports())
	downloads := s.Requests(Download)
	require.Len(t, downloads, 2)
	require.Equal(t, "Patient.2.ndjson", downloads[0].File)
	require.Equal(t, []string{"bytes=100-"}, downloads[1].Header["Range"])
	require.EqualValues(t, len(rest.body), downloads[1].Bytes)
}

func TestFaultsOfBodies(t *testing.T) {
	file := Files("Patient", 1, 1000)
	for name, c := range map[string]struct {
		effect Effect
		check  func(t *testing.T, a answer, want string)
	}{
		"cut": {CutAfter(1000), func(t *testing.T, a answer, want string) {
			require.ErrorIs(t, a.err, io.ErrUnexpectedEOF)
			require.Equal(t, want[:1000], a.body)
		}},
		"cut chunked": {CutChunkedAfter(1000), func(t *testing.T, a answer, want string) {
			require.EqualValues(t, -1, a.ContentLength)
			require.ErrorIs(t, a.err, io.ErrUnexpectedEOF)
			require.Equal(t, want[:1000], a.body)
		}},
		"corrupt": {CorruptAt(50_000), func(t *testing.T, a answer, want string) {
			require.NoError(t, a.err)
			require.NotEqual(t, want, a.body)
			require.Equal(t, want[:50_000], a.body[:50_000])
			require.Equal(t, want[50_001:], a.body[50_001:])
		}},
		"truncated": {TruncateAfter(1000), func(t *testing.T, a answer, want string) {
			require.NoError(t, a.err)
			require.Equal(t, want[:1000], a.body)
		}},
		"rewritten": {Rewritten(), func(t *testing.T, a answer, want string) {
			require.NotEqual(t, want, a.body)
			require.ElementsMatch(t, strings.Split(want, "\n"), strings.Split(a.body, "\n"))
		}},
		"no ranges": {NoRanges(), func(t *testing.T, a answer, want string) {
			require.Equal(t, http.StatusOK, a.StatusCode)
			require.Empty(t, a.Header.Values("Accept-Ranges"))
			require.Equal(t, want, a.body)
		}},
		"chunked": {Chunked(), func(t *testing.T, a answer, want string) {
			require.EqualValues(t, -1, a.ContentLength)
			require.Equal(t, want, a.body)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(t, Options{Files: file, Faults: []Fault{Download.First(1, c.effect)}})
			m, _ := startExport(t, s)
			want := string(file[0].NDJSON())
			c.check(t, send(t, s, http.MethodGet, m.Output[0].URL), want)
			require.Equal(t, want, send(t, s, http.MethodGet, m.Output[0].URL).body, "the second request has no fault")
		})
	}
}

func TestStalledResponsesEndWithTheClient(t *testing.T) {
	s := New(t, Options{Files: Files("Patient", 1, 1000), Faults: []Fault{Download.Always(StallAfter(500))}})
	m, _ := startExport(t, s)
	response, err := s.Client().Get(m.Output[0].URL)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	_, err = io.ReadFull(response.Body, make([]byte, 500))
	require.NoError(t, err)
}

func TestWrongContentRange(t *testing.T) {
	s := New(t, Options{Files: Files("Patient", 1, 10), Faults: []Fault{Download.Always(WrongContentRange())}})
	m, _ := startExport(t, s)
	a := send(t, s, http.MethodGet, m.Output[0].URL, "Range", "bytes=100-")
	require.Equal(t, http.StatusPartialContent, a.StatusCode)
	require.True(t, strings.HasPrefix(a.Header.Get("Content-Range"), "bytes 1-"), a.Header)
}

func TestRangesIgnored(t *testing.T) {
	file := Files("Patient", 1, 10)
	for name, effect := range map[string]Effect{"promised": RangesIgnored(), "not promised": NoRanges()} {
		s := New(t, Options{Files: file, Faults: []Fault{Download.Always(effect)}})
		m, _ := startExport(t, s)
		a := send(t, s, http.MethodGet, m.Output[0].URL, "Range", "bytes=100-")
		require.Equal(t, http.StatusOK, a.StatusCode, name)
		require.Equal(t, string(file[0].NDJSON()), a.body, name)
		require.Equal(t, name == "promised", a.Header.Get("Accept-Ranges") != "", name)
	}
}

func TestFaultsOfHeaders(t *testing.T) {
	s := New(t, Options{Files: Files("Patient", 1, 10), Faults: []Fault{
		Download.First(2, ETagChanges()), Download.Nth(3, WeakETag()), Download.Nth(4, NoETag()),
	}})
	m, _ := startExport(t, s)
	var tags []string
	for range 4 {
		tags = append(tags, send(t, s, http.MethodGet, m.Output[0].URL).Header.Get("ETag"))
	}
	require.Equal(t, []string{`"changed-1"`, `"changed-2"`, `W/"weak"`, ""}, tags)
}

func TestFaultsCountRequests(t *testing.T) {
	s := New(t, Options{Files: Files("Patient", 2, 10), Faults: []Fault{
		Any.Nth(3, Reject(500)), Download.Every(3, Reject(501)), Download.File("Patient.2.ndjson").From(3, Reject(502)),
	}})
	m, _ := startExport(t, s) // two requests
	var statuses []int
	for _, i := range []int{0, 1, 0, 1, 1, 0, 1} {
		statuses = append(statuses, send(t, s, http.MethodGet, m.Output[i].URL).StatusCode)
	}
	require.Equal(t, []int{500, 200, 501, 200, 502, 501, 502}, statuses)
}

func TestRejections(t *testing.T) {
	s := New(t, Options{Faults: []Fault{
		KickOff.Nth(1, Reject(429, RetryAfterDate(time.Minute, -time.Hour))), KickOff.Nth(2, RejectGET()),
		KickOff.Nth(3, Reject(503, RetryAfter("7"))), KickOff.Nth(4, Reset()),
	}})
	url := s.BaseURL + "/$export"
	a := send(t, s, http.MethodGet, url)
	require.Equal(t, 429, a.StatusCode)
	date, err := http.ParseTime(a.Header.Get("Date"))
	require.NoError(t, err)
	after, err := http.ParseTime(a.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.Equal(t, time.Minute, after.Sub(date))
	require.Greater(t, time.Since(date), 50*time.Minute)
	require.Contains(t, a.body, `"OperationOutcome"`)

	require.Equal(t, http.StatusMethodNotAllowed, send(t, s, http.MethodGet, url).StatusCode)
	require.Equal(t, "7", send(t, s, http.MethodGet, url).Header.Get("Retry-After"))
	_, err = s.Client().Post(url, "", nil)
	require.True(t, errors.Is(err, io.EOF) || strings.Contains(err.Error(), "reset"), err)
}

func TestRejectAbove(t *testing.T) {
	arrived := make(chan struct{})
	s := New(t, Options{Faults: []Fault{Discovery.Always(RejectAbove(1, 429)), Discovery.Nth(1, Do(func() { close(arrived) }), Stall())}})
	ctx, cancel := context.WithCancel(t.Context())
	first, err := http.NewRequestWithContext(ctx, http.MethodGet, s.BaseURL+"/.well-known/smart-configuration", nil)
	require.NoError(t, err)
	ended := make(chan error)
	go func() {
		_, err := s.Client().Do(first)
		ended <- err
	}()
	<-arrived
	require.Equal(t, 429, send(t, s, http.MethodGet, first.URL.String()).StatusCode)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestMaxExports(t *testing.T) {
	s := New(t, Options{MaxExports: 1})
	_, status := startExport(t, s)
	require.Equal(t, 429, send(t, s, http.MethodGet, s.BaseURL+"/$export", "Prefer", "respond-async").StatusCode)
	send(t, s, http.MethodDelete, status)
	startExport(t, s)
}

func TestHTTP2(t *testing.T) {
	s := New(t, Options{TLS: true, HTTP2: true, Files: Files("Patient", 1, 1000), Faults: []Fault{Download.Nth(1, CutAfter(1000))}})
	m, _ := startExport(t, s)
	a := send(t, s, http.MethodGet, m.Output[0].URL)
	require.Equal(t, 2, a.ProtoMajor)
	require.Error(t, a.err)
	require.Len(t, a.body, 1000)
}

func TestLinksExpire(t *testing.T) {
	for name, how := range map[string]Expiry{"403": Expired403, "400": Expired400, "401": Expired401, "404": Expired404, "410": Expired410} {
		t.Run(name, func(t *testing.T) {
			s := New(t, Options{Files: Files("Patient", 2, 10), Links: Links{Host: Presigned, Move: true}, Faults: []Fault{Download.Nth(2, LinksExpire(how))}})
			m, status := startExport(t, s)
			require.Equal(t, http.StatusOK, send(t, s, http.MethodGet, m.Output[0].URL).StatusCode)
			a := send(t, s, http.MethodGet, m.Output[1].URL)
			require.Equal(t, how.Status, a.StatusCode)
			require.Contains(t, a.body, "expired")
			renewed := readManifest(t, s, status)
			before, after := withoutQuery(m.Output[1].URL), withoutQuery(renewed.Output[1].URL)
			require.NotEqual(t, before, after, "the path moves")
			require.Equal(t, http.StatusOK, send(t, s, http.MethodGet, renewed.Output[1].URL).StatusCode)
		})
	}
}

func withoutQuery(link string) string {
	link, _, _ = strings.Cut(link, "?")
	return link
}

// collector is a test that notes failures in place of failing.
type collector struct {
	testing.TB
	failures []string
}

func (c *collector) Errorf(format string, _ ...any) { c.failures = append(c.failures, format) }

func TestRedirectToAnotherHost(t *testing.T) {
	failing := &collector{TB: t}
	s := New(failing, Options{Files: Files("Patient", 1, 10), Links: Links{Host: Redirected}, Auth: Auth{Method: BearerAuth, Token: "secret"}})
	authorization := []string{"Authorization", "Bearer secret"}
	m, _ := startExport(t, s, authorization...)
	require.True(t, m.RequiresAccessToken)
	require.Equal(t, http.StatusUnauthorized, send(t, s, http.MethodGet, m.Output[0].URL).StatusCode)
	require.Empty(t, failing.failures)

	// Go's client keeps the header for another port of the same host.
	a := send(t, s, http.MethodGet, m.Output[0].URL, authorization...)
	require.Equal(t, http.StatusBadRequest, a.StatusCode)
	require.Contains(t, a.body, "Only one auth mechanism allowed")
	require.Len(t, failing.failures, 1)

	a = send(t, s, http.MethodGet, a.Request.URL.String())
	require.Equal(t, http.StatusOK, a.StatusCode)
	require.NotEqual(t, s.Requests(Redirect)[0].Server, s.Requests(Download)[0].Server)
}

func TestEncodings(t *testing.T) {
	file := Files("Patient", 1, 100)
	want := string(file[0].NDJSON())
	for name, c := range map[string]struct {
		encoding         Encoding
		accept, encoded  string
		compressed       bool
		contentTypeBegin string
	}{
		"identity":           {Identity, "gzip", "", false, "application/fhir+ndjson"},
		"negotiated":         {Negotiated, "gzip", "gzip", true, "application/fhir+ndjson"},
		"not accepted":       {Negotiated, "identity", "", false, "application/fhir+ndjson"},
		"gzip file":          {GzipFile, "identity", "", true, "application/gzip"},
		"gzip although not…": {GzipAlways, "identity", "gzip", true, "application/fhir+ndjson"},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(t, Options{Files: file, Encoding: c.encoding})
			m, _ := startExport(t, s)
			a := send(t, s, http.MethodGet, m.Output[0].URL, "Accept-Encoding", c.accept)
			require.Equal(t, c.encoded, a.Header.Get("Content-Encoding"))
			require.Equal(t, c.contentTypeBegin, a.Header.Get("Content-Type"))
			require.EqualValues(t, len(a.body), a.ContentLength)
			rest := send(t, s, http.MethodGet, m.Output[0].URL, "Accept-Encoding", c.accept, "Range", "bytes=10-", "If-Range", a.Header.Get("ETag"))
			require.Equal(t, a.body[10:], rest.body)
			require.Equal(t, c.compressed, a.body != want)
			if c.compressed {
				reader, err := gzip.NewReader(bytes.NewReader([]byte(a.body)))
				require.NoError(t, err)
				plain, err := io.ReadAll(reader)
				require.NoError(t, err)
				require.Equal(t, want, string(plain))
			}
		})
	}
}

func TestPartialManifests(t *testing.T) {
	s := New(t, Options{Files: Files("Patient", 3, 10), Pages: 3, Polls: 2, Partial: true})
	a := send(t, s, http.MethodGet, s.BaseURL+"/$export?allowPartialManifests=true", "Prefer", "respond-async")
	status := a.Header.Get("Content-Location")
	var statuses, links, files []int
	for range 3 {
		a := send(t, s, http.MethodGet, status)
		var m manifest
		require.NoError(t, json.Unmarshal([]byte(a.body), &m))
		statuses, links, files = append(statuses, a.StatusCode), append(links, len(m.Link)), append(files, len(m.Output))
	}
	require.Equal(t, []int{202, 202, 200}, statuses)
	require.Equal(t, []int{0, 1, 1}, links, "the second page exists from the second poll on")
	require.Equal(t, []int{1, 1, 1}, files)
}
