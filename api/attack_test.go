package api_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
)

// tricks are what has broken into other servers: SQL, paths, other encodings,
// characters that end a line or a string.
var tricks = []string{
	`'`, `"`, `' OR '1'='1`, `"; DROP TABLE patient; --`, `patient; SELECT pg_sleep(60)`, `$1`, `$$`, `%`, `*`, `_`, `\`,
	`../patient`, `..%2fpatient`, `....//patient`, `/etc/passwd`, `public.patient`, `pg_catalog.pg_authid`, `pg_class`, `sluice.client`,
	"patient\x00", "pa\ntient", "\r\nSet-Cookie: a=b", "\r\n\r\n<html>", "\xff\xfe", "pátient", "\u202epatient", strings.Repeat("A", 5000),
	`<script>alert(1)</script>`, `${jndi:ldap://x}`, `{{7*7}}`, `[]`, `{}`, `null`, `-1`, `1e309`, `client`, `patient_history`,
}

// TestTricks: wherever a value of a request goes, a trick is just a strange
// value. It is refused as one, is in no header, and breaks nothing.
func TestTricks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)

	id := uuid.NewString()
	for _, trick := range tricks {
		escaped := url.PathEscape(trick)
		value := url.QueryEscape(trick)
		for _, target := range []string{
			"/" + escaped + "/$dump",
			"/Patient/$dump?_since=" + value,
			"/Patient/$dump?fhir=" + value,
			"/Patient/$dump?" + value + "=x",
			"/fhir/$export?_type=" + value,
			"/fhir/$export?_type=Patient," + value,
			"/fhir/$export?_since=" + value,
			"/fhir/$export?_outputFormat=" + value,
			"/fhir/$export?_until=" + value,
			"/fhir/$export?_elements=" + value,
			"/fhir/$export?_typeFilter=" + value,
			"/fhir/$export?_typeFilter=" + url.QueryEscape("Patient?"+trick),
			"/fhir/Patient/$export?patient=" + value,
			"/fhir/Group/" + escaped,
			"/fhir/Group/" + escaped + "/$export",
			"/fhir/$export-files/" + id + "/" + escaped,
			"/fhir/$export-status/" + escaped,
			"/fhir/$export-status/" + id + escaped,
		} {
			got := b.Get(t, target)
			require.GreaterOrEqual(t, got.StatusCode, 400, "%.200s", target)
			require.Less(t, got.StatusCode, 500, "%.200s: %s", target, got.Text)
			require.Empty(t, got.Header.Get("Set-Cookie"), "%.200s", target)
			require.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"), "%.200s", target)
			require.Equal(t, "application/fhir+json", got.Header.Get("Content-Type"), "%.200s", target)
			require.True(t, json.Valid([]byte(got.Text)), "%.200s", target)
			require.Less(t, len(got.Text), 2000, "what is quoted is shortened: %.200s", got.Text)
		}
	}
	require.Equal(t, apitest.AidboxLines["Patient"], b.Get(t, "/Patient/$dump").Text, "all is as it was")
	require.Zero(t, b.Count(t, `SELECT count(*) FROM sluice.export`))
}

// TestForeignExportByToken: what belongs to another client is as if it never was.
func TestForeignExportByToken(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase)
	b.Documented(t)
	thief := b.newApp(t, "thief", "system/*.rs")
	token := readToken(t, b.postToken(t, thief.form(t, "system/*.rs").Encode())).AccessToken
	theirs := strings.TrimPrefix(b.Get(t, "/fhir/$export").Header.Get("Content-Location"), baseURL)

	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		foreign := b.withToken(t, method, theirs, token)
		never := b.withToken(t, method, "/fhir/$export-status/"+uuid.NewString(), token)
		require.Equal(t, http.StatusNotFound, foreign.StatusCode)
		require.Equal(t, never.Text, foreign.Text)
	}
	require.Equal(t, http.StatusAccepted, b.Get(t, theirs).StatusCode)
}

// TestSpellingsOfExport: an export has one URL, so that the audit and the limit of polls
// know it by one id.
func TestSpellingsOfExport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)
	id := b.KickOff(t, "/fhir/$export").ID.String()
	for _, spelling := range []string{strings.ToUpper(id), strings.ReplaceAll(id, "-", ""), "{" + id + "}", "urn:uuid:" + id} {
		require.Equal(t, http.StatusNotFound, b.Get(t, apitest.StatusPath+spelling).StatusCode, spelling)
	}
	require.Equal(t, http.StatusAccepted, b.Get(t, apitest.StatusPath+id).StatusCode)
}

// raw sends bytes as they are and returns all that comes back until the server
// closes the connection.
func (b *testBundle) raw(t *testing.T, request string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(b.URL, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(apitest.Patience)))
	_, err = conn.Write([]byte(request))
	require.NoError(t, err)
	got, err := io.ReadAll(conn)
	if !errors.Is(err, syscall.ECONNRESET) { // the server has not read the whole request
		require.NoError(t, err, "the server ends it")
	}
	return string(got)
}

// TestRawRequests: what no client of a library would send.
func TestRawRequests(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) { config.RequestTimeout = 3 * time.Second }) // even a busy machine reads a request within that
	for name, c := range map[string]struct{ request, want string }{
		"SlowHead":       {"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ", ""},
		"Nothing":        {"", ""},
		"HugeHead":       {"GET /health HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 100<<10) + "\r\n\r\n", "HTTP/1.1 431 "},
		"HugeTarget":     {"GET /" + strings.Repeat("x", 100<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 431 "},
		"LineInHeader":   {"GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\rSet-Cookie: b=c\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 "},
		"TwoLengths":     {"POST /auth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 400 "},
		"TwoHosts":       {"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "HTTP/1.1 400 "},
		"ChunkedAndLong": {"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", "HTTP/1.1 501 "},
		"BadChunk":       {"POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 40"},
		"NoHTTP":         {"\x16\x03\x01\x00\xa5\x01\x00", "HTTP/1.1 400 "},
		"Traversal":      {"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 404 "},
		"Absolute":       {"GET http://169.254.169.254/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 404 "},
		"Connect":        {"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 40"},
		"Trace":          {"TRACE /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 405 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := b.raw(t, c.request)
			require.True(t, strings.HasPrefix(got, c.want), "%.200q", got)
			require.NotContains(t, got, "Set-Cookie")
		})
	}
}

// TestDeepBodies: nothing that is nested or long is followed far.
func TestDeepBodies(t *testing.T) {
	t.Parallel()
	b := setup(t, withBase)
	for name, body := range map[string]string{
		"Arrays":  strings.Repeat("[", 200_000),
		"Objects": strings.Repeat(`{"a":`, 200_000),
		"Form":    strings.Repeat("a=b&", 100_000),
		"Percent": "client_assertion=" + strings.Repeat("%41", 100_000),
	} {
		for _, contentType := range []string{"application/x-www-form-urlencoded", "application/json", "application/fhir+json"} {
			got := b.postToken(t, body, "Content-Type", contentType)
			require.Equal(t, http.StatusBadRequest, got.StatusCode, name)
			require.Equal(t, "invalid_request", readToken(t, got).Error)
		}
		request := b.Request(t, http.MethodPost, "/fhir/$export", "Content-Type", "application/fhir+json")
		request.Body = io.NopCloser(strings.NewReader(body))
		got := b.Do(t, request)
		require.GreaterOrEqual(t, got.StatusCode, 400, name)
		require.Less(t, got.StatusCode, 500, name)
	}
}

// TestManyValues: no request costs more than a bounded number of values does.
func TestManyValues(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Ward(t)
	var patients strings.Builder
	for i := range 120_000 {
		patients.WriteString(strconv.Itoa(i) + ",")
	}
	long := `{"name":"patient","valueString":"` + patients.String() + `"}`
	for name, parameter := range map[string]string{
		"patient":   long,
		"_elements": `{"name":"_elements","valueString":"` + strings.Repeat("id,", 30_000) + `"}`,
		"_type":     strings.TrimSuffix(strings.Repeat(`{"name":"_type","valueString":"Patient"},`, 20_001), ","),
	} {
		got := b.Post(t, "/fhir/Patient/$export", "application/fhir+json", `{"resourceType":"Parameters","parameter":[`+parameter+`]}`, "Prefer", "handling=lenient")
		apitest.RequireRefusal(t, got, http.StatusBadRequest, "too-costly", name)
	}
	got := b.Post(t, "/fhir/Patient/$export", "application/fhir+json", `{"resourceType":"Parameters","parameter":[`+strings.TrimSuffix(strings.Repeat(`{"name":"patient","valueString":"pt-1"},`, 20_000), ",")+`]}`)
	require.Equal(t, http.StatusAccepted, got.StatusCode, got.Text)
}

// TestManyGroupValues: a search for Groups is no dearer.
func TestManyGroupValues(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Ward(t)
	got := b.Get(t, "/fhir/Group?name="+strings.Repeat("a,", 1001))
	apitest.RequireRefusal(t, got, http.StatusBadRequest, "too-costly", "name")
	require.Equal(t, http.StatusOK, b.Get(t, "/fhir/Group?name="+strings.Repeat("a,", 900)+"a").StatusCode)
}

// TestManyFilters: nor does one that names few values, each of which is dear. No
// preference forgives it.
func TestManyFilters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)
	for name, value := range map[string]string{
		"_elements":   strings.Repeat("id,", 1000) + "id",
		"_typeFilter": strings.Repeat("Patient?active=true,", 1000) + "Patient?active=true",
	} {
		body := `{"resourceType":"Parameters","parameter":[{"name":"` + name + `","valueString":"` + value + `"}]}`
		got := b.Post(t, "/fhir/$export", "application/fhir+json", body, "Prefer", "handling=lenient")
		apitest.RequireRefusal(t, got, http.StatusBadRequest, "too-costly", name)
	}
}
