package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/source"
)

// line is what is logged of a request.
type line struct {
	Level   string `json:"level"`
	Msg     string `json:"msg"`
	Request string `json:"request"`
	Method  string `json:"method"`
	Path    string `json:"path"`
	Status  int    `json:"status"`
	Bytes   int    `json:"bytes"`
	Remote  string `json:"remote"`
	Client  string `json:"client"`
	Error   string `json:"error"`
}

// requestLine waits for the line of the request with that id: it is written
// after the response.
func (b *testBundle) requestLine(t *testing.T, id string) (found line) {
	t.Helper()
	require.Eventually(t, func() bool {
		for text := range strings.Lines(b.Logs.String()) {
			var one line
			if json.Unmarshal([]byte(text), &one) == nil && one.Msg == "request" && one.Request == id {
				found = one
				return true
			}
		}
		return false
	}, apitest.Patience, apitest.Tick)
	return found
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	b := setup(t)

	require.Equal(t, "trace-1.A_b", b.Get(t, "/health", "X-Request-Id", "trace-1.A_b").Header.Get("X-Request-Id"))
	first := b.Get(t, "/nowhere").Header.Get("X-Request-Id")
	require.NotEmpty(t, first)
	require.NotEqual(t, first, b.Get(t, "/nowhere").Header.Get("X-Request-Id"))
	for _, bad := range []string{"with space", "<script>", strings.Repeat("x", 65), `"quoted"`, "ünicode"} {
		id := b.Get(t, "/health", "X-Request-Id", bad).Header.Get("X-Request-Id")
		require.NotEqual(t, bad, id)
		require.Regexp(t, `^[A-Z0-9]{26}$`, id)
	}
}

func TestRequestLine(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)

	got := b.Get(t, "/Patient/$dump?fhir=true", "X-Request-Id", "dump", "X-Forwarded-For", "203.0.113.7")
	require.Equal(t, line{
		Level: "INFO", Msg: "request", Request: "dump", Method: "GET", Path: "/Patient/$dump",
		Status: 200, Bytes: len(got.Text), Remote: "127.0.0.1", Client: apitest.ClientID,
	}, b.requestLine(t, "dump"), "anyone can send X-Forwarded-For")

	b.Get(t, "/Patient/$dump?fhir=maybe", "X-Request-Id", "refused")
	require.Equal(t, 400, b.requestLine(t, "refused").Status)
	require.Equal(t, "INFO", b.requestLine(t, "refused").Level, "a client's mistake")
	require.NotEmpty(t, b.requestLine(t, "refused").Error)

	b.Get(t, "/"+strings.Repeat("x", 50_000), "X-Request-Id", "long")
	require.Len(t, b.requestLine(t, "long").Path, 256, "strangers do not fill a disk by a few requests")

	b.Exec(t, `ALTER TABLE patient ALTER txid TYPE text`)
	b.Get(t, "/Patient/$dump", "X-Request-Id", "failed")
	require.Equal(t, 500, b.requestLine(t, "failed").Status)
	require.Equal(t, "ERROR", b.requestLine(t, "failed").Level)
}

// TestLogsAreDiscreet: the log contains no credentials, queries or data.
func TestLogsAreDiscreet(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Documented(t)

	b.Get(t, "/Patient/$dump?_since=2020-02-29&fhir=true")
	b.Get(t, "/Patient/$dump?_since=Confidential1")
	b.Get(t, "/Patient/$dump?Confidential2=x")
	b.Get(t, "/Patient/$dump?%zzConfidential3")
	b.Get(t, "/fhir/$export?_type=Confidential4")
	b.Get(t, "/fhir/$export?_outputFormat=Confidential5")
	b.Get(t, "/fhir/$export?_type=Patient", "Cookie", "Confidential6", "Prefer", "Confidential7")
	wrong := b.Request(t, http.MethodGet, "/Patient/$dump")
	wrong.SetBasicAuth("Confidential8", "Confidential9")
	b.Do(t, wrong)
	b.requestLine(t, b.Do(t, wrong).Header.Get("X-Request-Id"))

	for _, secret := range []string{"Confidential", "Alice", "2020-02-29", "fhir=", `"` + apitest.ClientSecret, b.Request(t, http.MethodGet, "/").Header.Get("Authorization")} {
		require.NotContains(t, b.Logs.String(), secret)
	}
}

// TestPanic: a panic fails one request, and the response contains no details.
func TestPanic(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) { config.Source = (*source.Source)(nil) })

	got := b.Get(t, "/Patient/$dump", "X-Request-Id", "panic")
	said := apitest.RequireRefusal(t, got, http.StatusInternalServerError, "exception", "")
	require.NotContains(t, said, "nil pointer")
	require.Equal(t, "ERROR", b.requestLine(t, "panic").Level)
	require.Contains(t, b.Logs.String(), "nil pointer")
	require.Equal(t, http.StatusOK, b.Get(t, "/health").StatusCode)
}
