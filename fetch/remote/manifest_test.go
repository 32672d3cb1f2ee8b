package remote_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// read reads the manifest of one reply.
func read(t *testing.T, body string) (*remote.Manifest, *script, error) {
	t.Helper()
	return readReply(t, reply{status: 200, body: body})
}

func readReply(t *testing.T, r reply) (*remote.Manifest, *script, error) {
	t.Helper()
	server, script := server(t, replies(r), remote.Limits{PollMax: time.Second})
	pages, err := server.Manifest(t.Context(), statusURL)
	if err != nil {
		return nil, script, err
	}
	if len(pages) != 1 {
		t.Errorf("%d pages, want 1", len(pages))
	}
	return pages[0], script, nil
}

// files returns the files of a manifest as text.
func files(m *remote.Manifest) (list []string) {
	for _, f := range m.Files {
		list = append(list, fmt.Sprint(f.Section, " ", f.Type, " ", f.URL, " ", f.Count, " ", f.Size, " ", f.SHA256))
	}
	return list
}

const hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// TestFiles: each line is a file in the JSON of output, and what it means.
func TestFiles(t *testing.T) {
	host := "https://fhir.example.org"
	tests := []struct{ json, want string }{
		{`{"type":"Patient","url":"https://s3.example.org/a?sig=1","count":3,"fileSize":10}`, "Patient https://s3.example.org/a?sig=1 3 10 "},
		{`{"type":"Patient","url":"/files/a"}`, "Patient " + host + "/files/a -1 -1 "},
		{`{"type":"Patient","url":"a"}`, "Patient " + host + "/r4/status/a -1 -1 "},
		{`{"url":"/a","count":"12","fileSize":"34","x":{"y":[1,{}]}}`, " " + host + "/a 12 34 "},
		{`{"url":"/a","count":0,"fileSize":12.0}`, " " + host + "/a 0 12 "},
		{`{"url":"/a","count":null,"fileSize":null,"extension":null,"type":null}`, " " + host + "/a -1 -1 "},
		{`{"url":"/a","count":-5,"fileSize":1.5}`, " " + host + "/a -1 -1 "},
		{`{"url":"/a","count":"many","fileSize":[1]}`, " " + host + "/a -1 -1 "},
		{`{"url":"/a","count":1e300}`, " " + host + "/a -1 -1 "},
		{`{"url":"http://fhir.example.org/a?b"}`, " " + host + "/a?b -1 -1 "},
		{`{"url":"http://other.example.org/a"}`, " http://other.example.org/a -1 -1 "},
		{`{"url":"/a","extension":{"sha256":"` + strings.ToUpper(hash) + `","maxLineBytes":5}}`, " " + host + "/a -1 -1 " + hash},
		{`{"url":"/a","extension":{"sha256":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}}`, " " + host + "/a -1 -1 "},
		{`{"url":"/a","extension":{"sha256":5}}`, " " + host + "/a -1 -1 "},
		{`{"url":"/a","extension":[{"url":"https://ab2d.cms.gov/checksum","valueString":"sha256:` + hash + `"},{"url":"https://ab2d.cms.gov/file_length","valueDecimal":15}]}`, " " + host + "/a -1 15 " + hash},
		{`{"url":"/a","fileSize":7,"extension":[{"url":"https://ab2d.cms.gov/file_length","valueInteger":15},{"url":"x"},5]}`, " " + host + "/a -1 7 "},
	}
	for _, test := range tests {
		m, _, err := read(t, `{"output":[`+test.json+`]}`)
		if err != nil {
			t.Errorf("%s: %v", test.json, err)
			continue
		}
		if got := files(m); !reflect.DeepEqual(got, []string{"output " + test.want}) {
			t.Errorf("%s:\n%q, want\n%q", test.json, got, "output "+test.want)
		}
	}
}

// TestManifest: order, types and members that are missing.
func TestManifest(t *testing.T) {
	m, _, err := read(t, `{"extra":[{"a":[]},"output"],"error":[{"type":"OperationOutcome","url":"/e"}],"deleted":[{"type":"Patient","url":"/d"}],"request":"R",
		"output":[{"type":"Patient","url":"/o"}],"requiresAccessToken":true,"transactionTime":"T"}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"output Patient https://fhir.example.org/o -1 -1 ",
		"deleted Bundle https://fhir.example.org/d -1 -1 ",
		"error OperationOutcome https://fhir.example.org/e -1 -1 ",
	}
	if got := files(m); !reflect.DeepEqual(got, want) || m.TransactionTime != "T" || m.Request != "R" || !m.RequiresAccessToken {
		t.Errorf("manifest %+v with %q, want %q", m, got, want)
	}
	for _, body := range []string{`{"output":[]}`, `{"output":null,"deleted":null,"error":null,"link":null}`, `{"output":[],"outcome":[],"link":[{"relation":"self"}]}`} {
		if m, _, err := read(t, body); err != nil || len(m.Files) != 0 {
			t.Errorf("%s: %v, %v, want no files", body, m, err)
		}
	}
	if m, _, err := read(t, `{"output":[],"outcome":[{"url":"/e"}]}`); err != nil || len(m.Files) != 1 || m.Files[0].Section != remote.Errors {
		t.Errorf("outcome: %v, %v, want an error file", m, err)
	}
}

// TestRequiresAccessToken: without it, the token goes only where it was already sent.
func TestRequiresAccessToken(t *testing.T) {
	tests := map[string]bool{
		`"requiresAccessToken":true,"output":[]`:                                   true,
		`"requiresAccessToken":"true","output":[]`:                                 true,
		`"requiresAccessToken":false,"output":[{"url":"/a"}]`:                      false,
		`"requiresAccessToken":"false","output":[{"url":"/a"}]`:                    false,
		`"output":[{"url":"/a"},{"url":"https://fhir.example.org:443/b"}]`:         true,
		`"output":[{"url":"/a"},{"url":"https://files.fhir.example.org/b"}]`:       false,
		`"requiresAccessToken":null,"output":[{"url":"https://s3.example.org/b"}]`: false,
	}
	for body, want := range tests {
		if m, _, err := read(t, "{"+body+"}"); err != nil || m.RequiresAccessToken != want {
			t.Errorf("%s: %v, %v, want %v", body, m, err, want)
		}
	}
}

func TestInvalidManifests(t *testing.T) {
	tests := map[string]string{
		``:                                    "is not a manifest",
		`<html></html>`:                       "is not a manifest",
		`[]`:                                  "is not a manifest",
		`"x"`:                                 "is not a manifest",
		`{}`:                                  "output is missing",
		`{"output":{}}`:                       "output must be an array",
		`{"output":"x"}`:                      "output must be an array",
		`{"output":[5]}`:                      "output[0] must be a JSON object, got number",
		`{"output":[{}]}`:                     "output[0] has no url",
		`{"output":[null]}`:                   "output[0] has no url",
		`{"output":[{"url":"/a"},{"url":5}]}`: "output[1].url must be a JSON string, got number",
		`{"output":[{"url":"ftp://x/"}]}`:     "output[0]: the url is neither http nor https",
		`{"output":[{"url":"http://%zz"}]}`:   "output[0]: the url is not a URL",
		`{"output":[],"error":[{"url":"mailto:x"}]}`:                "error[0]: the url is neither http nor https",
		`{"transactionTime":5,"output":[]}`:                         "transactionTime must be a JSON string, got number",
		`{"output":[],"link":[{"relation":"next"}]}`:                "lead in a circle",
		`{"output":[],"link":[{"relation":"next","url":"ftp://"}]}`: "link[0]: the url is neither http nor https",
		`{"output":[{"url":"/a"},}`:                                 "is not a manifest",
	}
	for body, want := range tests {
		_, script, err := read(t, body)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error of %s = %v, want one with %q", body, err, want)
		}
		if len(script.requests) != 1 {
			t.Errorf("%s: %d requests, want 1", body, len(script.requests))
		}
	}
}

// TestTruncatedManifest: a manifest that ends too early, or whose connection breaks, is
// requested again.
func TestTruncatedManifest(t *testing.T) {
	whole := `{"output":[{"type":"Patient","url":"/a"},{"type":"Patient","url":"/b"}],"error":[],"x":{"y":"z"}}`
	for n := 1; n < len(whole); n++ {
		for _, broken := range []error{nil, errors.New("http2: client connection lost")} {
			var stream io.Reader = strings.NewReader(whole[:n])
			if broken != nil {
				stream = io.MultiReader(stream, failing{broken})
			}
			synctest.Test(t, func(t *testing.T) {
				server, script := server(t, replies(reply{status: 200, stream: stream}, reply{status: 200, body: whole}), limits)
				pages, err := server.Manifest(t.Context(), statusURL)
				if err != nil || len(pages) != 1 || len(pages[0].Files) != 2 || len(script.requests) != 2 {
					t.Errorf("%d bytes, then %v: %v after %d requests (%v)", n, broken, pages, len(script.requests), err)
				}
			})
		}
	}
	if _, _, err := read(t, `{"output":[`); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestCompressedManifest(t *testing.T) {
	var body bytes.Buffer
	w := gzip.NewWriter(&body)
	if _, err := io.WriteString(w, manifest("a", "")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	m, script, err := readReply(t, reply{status: 200, header: map[string]string{"Content-Encoding": "gzip"}, stream: &body})
	if err != nil || len(m.Files) != 1 || script.requests[0].header.Get("Accept-Encoding") != "gzip" {
		t.Errorf("manifest %v (%v), want one file", m, err)
	}
}

// TestPages: Manifest follows the links, also while the export runs.
func TestPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _ := server(t, growing(3), limits)
		for _, want := range []int{1, 2, 3, 3} { // the first poll has no page yet
			pages, err := server.Manifest(t.Context(), statusURL)
			if err != nil || len(pages) != want {
				t.Errorf("%d pages (%v), want %d", len(pages), err, want)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		n := 0
		server, _ := server(t, replies(reply{status: 404}), limits)
		_, err := server.Manifest(t.Context(), statusURL)
		if !errors.Is(err, remote.ErrGone) {
			t.Errorf("%d: error %v, want %v", n, err, remote.ErrGone)
		}
	})
}

// TestLargeManifest: 100,000 files with signed links.
func TestLargeManifest(t *testing.T) {
	const count = 100_000
	entry := `{"type":"Observation","url":"https://s3.example.org/bucket/export/Observation.ndjson.gz?X-Amz-Signature=` + strings.Repeat("a", 400) + `","count":1000,"fileSize":12345,"extension":{"sha256":"` + hash + `"}}`
	body := io.MultiReader(strings.NewReader(`{"transactionTime":"T","requiresAccessToken":false,"output":[`), repeating(entry+",", count-1), strings.NewReader(entry+`],"error":[]}`))
	m, _, err := readReply(t, reply{status: 200, stream: body})
	if err != nil || len(m.Files) != count || m.Files[count-1].SHA256 != hash {
		t.Fatalf("%v, want %d files", err, count)
	}
}

// repeating returns a text n times.
func repeating(text string, n int) io.Reader {
	readers, part := []io.Reader{}, strings.Repeat(text, 1000)
	for ; n >= 1000; n -= 1000 {
		readers = append(readers, strings.NewReader(part))
	}
	return io.MultiReader(append(readers, strings.NewReader(strings.Repeat(text, n)))...)
}

// TestEndlessManifest: an endless response is refused before it fills the memory.
func TestEndlessManifest(t *testing.T) {
	tests := map[string]struct{ begin, part string }{
		"value":         {`{"transactionTime":"`, strings.Repeat("x", 1000)},
		"url":           {`{"output":[{"url":"`, strings.Repeat("x", 1000)},
		"unknown value": {`{"x":"`, strings.Repeat("x", 1000)},
		"name":          {`{"`, strings.Repeat("x", 1000)},
		"spaces":        {`{`, strings.Repeat(" ", 1000)},
		"files":         {`{"output":[{"url":"/a"}`, strings.Repeat(`,{"url":"/a"}`, 1000)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			stream := io.MultiReader(strings.NewReader(test.begin), &endless{part: test.part})
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, _, err := readReply(t, reply{status: 200, stream: stream})
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), "too large") {
				t.Errorf("error %v, want one of the size", err)
			}
			if limit := uint64(2 << 30); after.TotalAlloc-before.TotalAlloc > limit {
				t.Errorf("%d MiB were allocated", (after.TotalAlloc-before.TotalAlloc)>>20)
			}
		})
	}
}

// endless is a body that never ends.
type endless struct {
	part string
	rest string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.rest == "" {
		e.rest = e.part
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}
