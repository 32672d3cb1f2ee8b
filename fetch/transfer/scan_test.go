package transfer

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"
)

// typeOf returns the type that the scanner finds in pieces of a size.
func typeOf(line string, size int) string {
	var s typeScan
	for piece := range slices.Chunk([]byte(line), size) {
		s.write(piece)
	}
	return s.found
}

func TestTypeScan(t *testing.T) {
	for _, line := range []string{
		`{"resourceType":"Patient"}`,
		` { "id" : "1" , "resourceType" : "Patient" } `,
		`{"contained":[{"resourceType":"Group"}],"resourceType":"Patient"}`,
		`{"a":{"resourceType":"Group"},"b":["resourceType","Group"],"resourceType":"Patient","c":1}`,
		`{"a":"\"resourceType\":\"Group\"","b\\":"\\","resourceType":"Patient"}`,
		`{"a":"resourceType","b":"Group"}`,
		`{"a":["x","resourceType"],"b":"Group"}`,
		`{"resourceType":{"a":"Group"},"b":"x"}`,
		`{"resourceType":["Group"]}`,
		`{"resourceType":null,"a":"Group"}`,
		`{"` + strings.Repeat("resourceType", 10) + `":"Group"}`,
		`{"resource":"Group","Type":"Group"}`,
		`[{"resourceType":"Group"}]`,
		`["resourceType","Group"]`,
		`{}`, `[]`, `"resourceType"`, `1`, ``,
	} {
		want := ""
		var object map[string]any
		if json.Unmarshal([]byte(line), &object) == nil {
			want, _ = object["resourceType"].(string)
		}
		for _, size := range []int{1, 2, 3, 1000} {
			require.Equal(t, want, typeOf(line, size), "%s in pieces of %d", line, size)
		}
	}
}

// FuzzTypeScan compares with the standard library.
func FuzzTypeScan(f *testing.F) {
	f.Add(`{"id":"1","resourceType":"Patient","a":[{"b":{}}]}`, 3)
	f.Fuzz(func(t *testing.T, line string, size int) {
		var object map[string]any
		if size < 1 || json.Unmarshal([]byte(line), &object) != nil || strings.Count(line, "resourceType") > 1 || strings.Contains(line, `\`) {
			return
		}
		want := ""
		for name, value := range object {
			if text, ok := value.(string); ok && name == "resourceType" && len(text) < maxTypeBytes {
				want = text
			}
		}
		if got := typeOf(line, size); got != want && len(got) < maxTypeBytes && bytes.Equal([]byte(strings.ToValidUTF8(line, "")), []byte(line)) {
			t.Errorf("%q, want %q: %s", got, want, line)
		}
	})
}

func TestLines(t *testing.T) {
	for _, test := range []struct {
		text string
		want int64
	}{
		{"", 0}, {"\n", 0}, {"a", 1}, {"a\n", 1}, {"a\nb", 2}, {"a\n\n\nb\n\n", 2}, {"a\r\n\r\nb\r\n", 2}, {" \t \n a\n", 1}, {"\n\na", 1},
	} {
		for _, size := range []int{1, 2, 100} {
			l := newLines("", false)
			for piece := range slices.Chunk([]byte(test.text), size) {
				_, _ = l.Write(piece)
			}
			require.Equal(t, test.want, l.finish(), "%q in pieces of %d", test.text, size)
			require.Equal(t, test.want, l.finish(), "again")
		}
	}
}

// Headers of blocks are counted apart from resources, wherever their type is in the line.
func TestLinesWithHeaders(t *testing.T) {
	text := `{"resourceType":"Parameters","parameter":[]}` + "\n" + `{"id":"1","resourceType":"Patient"}` + "\n\n" +
		`{"parameter":[{"resource":{"resourceType":"Patient"}}],"resourceType":"Parameters"}` + "\n" +
		`{"resourceType":"Observation","contained":[{"resourceType":"Parameters"}]}`
	for _, size := range []int{1, 7, 1000} {
		l := newHeadedLines()
		for piece := range slices.Chunk([]byte(text), size) {
			_, _ = l.Write(piece)
		}
		require.EqualValues(t, 2, l.finish())
		require.EqualValues(t, 2, l.headers)
	}
}

func TestMembers(t *testing.T) {
	plain := bytes.Repeat([]byte(`{"resourceType":"Patient","id":"1"}`+"\n"), 1_000_000)[:2*memberBytes+5]
	compress := func(plain []byte, chunk int, continued bool) []byte {
		var out bytes.Buffer
		m := newMembers(&out, continued)
		for piece := range slices.Chunk(plain, chunk) {
			_, err := m.Write(piece)
			require.NoError(t, err)
		}
		require.NoError(t, m.Close())
		return out.Bytes()
	}
	whole := compress(plain, len(plain), false)
	require.True(t, bytes.Equal(whole, compress(plain, 77_777, false)), "the same bytes however they arrive")
	parts := append(compress(plain[:memberBytes], 1<<20, false), compress(plain[memberBytes:], 1<<20, true)...)
	require.True(t, bytes.Equal(whole, parts), "the same bytes when it continues")
	require.True(t, bytes.Equal(parts, append(parts, compress(nil, 1, true)...)), "nothing is added to a complete file")

	test := exec.CommandContext(t.Context(), "gzip", "-t")
	test.Stdin = bytes.NewReader(whole)
	out, err := test.CombinedOutput()
	require.NoError(t, err, string(out))
	r, err := gzip.NewReader(bytes.NewReader(compress(nil, 1, false)))
	require.NoError(t, err, "an empty file is a member")
	require.NoError(t, r.Close())
}

func TestContentRange(t *testing.T) {
	for value, want := range map[string]contentRange{
		"bytes 0-0/1": {0, 0, 1}, "bytes 5-9/10": {5, 9, 10}, "Bytes 5-9/*": {5, 9, 0},
	} {
		got, err := parseContentRange(value)
		require.NoError(t, err, value)
		require.Equal(t, want, got, value)
	}
	for _, value := range []string{"", "bytes", "bytes */10", "bytes 5-9", "bytes 9-5/10", "bytes 5-10/10", "bytes -1-5/10", "lines 5-9/10", "bytes a-b/c", "bytes 5-9/x"} {
		_, err := parseContentRange(value)
		require.Error(t, err, value)
	}
	for value, want := range map[string]int64{"bytes */10": 10, "bytes */0": 0} {
		got, ok := unsatisfiedSize(value)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	for _, value := range []string{"", "bytes 0-1/10", "bytes */*"} {
		_, ok := unsatisfiedSize(value)
		require.False(t, ok, value)
	}
}

func TestOrigin(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for name, test := range map[string]struct {
		header http.Header
		want   string
	}{
		"ETag":                 {http.Header{"Etag": {`"a"`}, "Last-Modified": {date(-time.Hour)}}, `"a"`},
		"weak ETag":            {http.Header{"Etag": {`W/"a"`}, "Last-Modified": {date(-time.Hour)}}, ""},
		"ETag without quotes":  {http.Header{"Etag": {`a`}}, ""},
		"date":                 {http.Header{"Last-Modified": {date(-time.Second)}}, date(-time.Second)},
		"date of now":          {http.Header{"Last-Modified": {date(0)}}, ""},
		"date in the future":   {http.Header{"Last-Modified": {date(time.Hour)}}, ""},
		"none":                 {http.Header{}, ""},
		"date that is no date": {http.Header{"Last-Modified": {"today"}}, ""},
	} {
		test.header.Set("Date", date(0))
		require.Equal(t, test.want, originOf(&http.Response{Header: test.header, ContentLength: -1}).validator(), name)
	}
	require.Empty(t, originOf(&http.Response{Header: http.Header{"Last-Modified": {date(-time.Hour)}}}).validator(), "no Date")
	for value, want := range map[string]string{"": "", "identity": "", "gzip": "gzip", "GZIP": "gzip", "x-gzip": "gzip", "aws-chunked": "", "aws-chunked,gzip": "gzip", "br": "br"} {
		require.Equal(t, want, encodingOf(&http.Response{Header: http.Header{"Content-Encoding": {value}}}), value)
	}
	for value, want := range map[string]bool{
		"": false, "application/fhir+ndjson": false, "application/octet-stream": false, "text/html; charset=utf-8": false,
		"text/csv; header=present": true, "application/vnd.apache.parquet": true,
	} {
		require.Equal(t, want, isOpaque(value), value)
	}
}

func TestName(t *testing.T) {
	for _, test := range []struct {
		c    *content
		name string
		want string
	}{
		{&content{gzipped: true, origin: Origin{Form: Received}}, "a.ndjson", "a.ndjson.gz"},
		{&content{gzipped: true, origin: Origin{Form: Received}}, "a.ndjson.gz", "a.ndjson.gz"},
		{&content{origin: Origin{Form: Compressed}}, "a.ndjson.gz", "a.ndjson.gz"},
		{&content{gzipped: true, origin: Origin{Form: Unpacked}}, "a.ndjson.gz", "a.ndjson"},
		{&content{origin: Origin{Form: Received}}, "a.ndjson", "a.ndjson"},
		{&content{origin: Origin{Form: Received, Opaque: true}}, "a.csv.gz", "a.csv.gz"},
	} {
		require.Equal(t, test.want, test.c.name(test.name))
	}
}

func TestRefusalText(t *testing.T) {
	for _, test := range []struct{ body, contentType, code, text string }{
		{`<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message><Resource>/a?b=c</Resource></Error>`, "application/xml", "AccessDenied", "AccessDenied Request has expired"},
		{`{"resourceType":"OperationOutcome","issue":[{"diagnostics":"a"},{"details":{"text":"b"}}]}`, "application/fhir+json", "", "a; b"},
		{"no\n  such\x00 file", "text/plain", "", "no such file"},
		{"<html>secret</html>", "text/html", "", ""},
		{"<html>secret</html>", "text/plain", "", ""},
		{"see https://host/a?X-Amz-Signature=1&b=2 and /b?sig=3.", "text/plain", "", "see https://host/a?… and /b?…"},
		{"why?", "text/plain", "", "why?"},
		{strings.Repeat("é", 1000), "text/plain", "", strings.Repeat("é", 299) + "…"},
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		response := &http.Response{Request: request, Header: http.Header{"Content-Type": {test.contentType}}, Body: io.NopCloser(strings.NewReader(test.body))}
		got := newRefusal(request, response)
		require.Equal(t, test.code, got.code)
		require.Equal(t, test.text, got.text)
	}
}
