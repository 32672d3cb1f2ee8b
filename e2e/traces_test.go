package e2e

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// The traces of an export are linked, and contain neither SQL nor queries, secrets or
// content of resources.
func TestTracesOfAnExport(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.addClient()
	j.load(twoPatients + `{"resourceType":"Observation","id":"o1","status":"final"}` + "\n")
	traces := receiveTraces(t)
	log, stop := j.launchProcess("serve", "OTEL_EXPORTER_OTLP_ENDPOINT="+traces.url, "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test")
	address := "http://" + log.await(t, apiStarted)

	const foreign = "4bf92f3577b34da6a3ce929d0e0e4736"
	accepted := j.ask(http.MethodGet, address+"/fhir/$export?_type=Patient,Observation&_typeFilter=Patient%3Fname%3DMüller",
		"Prefer", "respond-async", "traceparent", "00-"+foreign+"-00f067aa0ba902b7-01")
	require.Equal(t, http.StatusAccepted, accepted.status, accepted)
	location := accepted.header.Get("Content-Location")
	require.Equal(t, http.StatusOK, j.poll(location).status)
	require.Equal(t, http.StatusOK, j.ask(http.MethodGet, address+"/Patient/$dump").status)
	require.Equal(t, http.StatusNotFound, j.ask(http.MethodGet, address+"/fhir/Patient/p1?name=Müller").status)
	// PostgreSQL's message quotes the value.
	sourcetest.Execute(t, j.database, `ALTER TABLE observation ALTER COLUMN ts TYPE text USING 'Müller'`)
	require.NotEqual(t, http.StatusOK, j.ask(http.MethodGet, address+"/Observation/$dump?_since=2020-01-01T00:00:00Z").status)
	require.Equal(t, cli.ExitOK, stop())
	t.Logf("%s\n", traces.tree())

	id := location[strings.LastIndex(location, "/")+1:]
	kickOff := traces.one(t, "GET /fhir/$export", "")
	require.NotEqual(t, foreign, hex.EncodeToString(kickOff.TraceId), "only a trusted proxy continues a trace")
	require.Equal(t, id, attributes(kickOff)["sluice.export.id"])
	require.Equal(t, "a", attributes(kickOff)["sluice.client.id"])
	require.Contains(t, traces.below(kickOff), "accept export")
	require.Contains(t, traces.below(traces.child(t, kickOff, "accept export")), "INSERT")
	require.Contains(t, log.String(), `"trace_id":"`+hex.EncodeToString(kickOff.TraceId)+`"`)

	export := traces.one(t, "process export", id)
	requireLink(t, export, kickOff)
	require.Subset(t, traces.below(export), []string{"begin export", "open snapshot", "plan", "start parts", "await parts", "complete export"})
	require.Empty(t, traces.below(traces.child(t, export, "await parts")), "polling and pinging for hours")

	for _, resourceType := range []string{"Patient", "Observation"} {
		part := traces.part(t, id, resourceType)
		requireLink(t, part, export)
		require.Equal(t, "1", attributes(part)["sluice.rows"])
		require.Subset(t, traces.below(part), []string{"import snapshot", "scan", "complete part"})
		scan := traces.child(t, part, "scan")
		upload := traces.child(t, scan, "upload")
		require.Subset(t, traces.below(upload), []string{"CreateMultipartUpload", "UploadPart"})
		require.Contains(t, traces.below(traces.child(t, part, "complete part")), "CompleteMultipartUpload")
	}
	require.Equal(t, "2", attributes(traces.one(t, "GET /:type/$dump", ""))["sluice.rows"])
	traces.requireDiscreet(t, id)
}

// launchProcess runs a command that serves in a process of its own, with variables of its
// environment. stop ends it by SIGTERM and returns its exit code.
func (j *journey) launchProcess(command string, env ...string) (log *logBuffer, stop func() int) {
	j.t.Helper()
	log = &logBuffer{}
	process := exec.CommandContext(j.t.Context(), os.Args[0], j.startArgs(command)...)
	process.Env, process.Stderr = append(append(os.Environ(), asSluice+"=1"), env...), log
	require.NoError(j.t, process.Start())
	stop = sync.OnceValue(func() int {
		_ = process.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = process.Wait()                          // its exit code says the same
		return process.ProcessState.ExitCode()
	})
	j.t.Cleanup(func() { stop() })
	return log, stop
}

// received are the spans that a collector has received.
type received struct {
	url string

	mu       sync.Mutex
	spans    []*otlp.Span
	resource map[string]string // attributes of the process
}

// receiveTraces starts a collector of OTLP over HTTP.
func receiveTraces(t *testing.T) *received {
	t.Helper()
	r := &received{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		var message collector.ExportTraceServiceRequest
		if err != nil || request.URL.Path != "/v1/traces" || proto.Unmarshal(body, &message) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, process := range message.ResourceSpans {
			r.resource = values(process.Resource.Attributes)
			for _, scope := range process.ScopeSpans {
				r.spans = append(r.spans, scope.Spans...)
			}
		}
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// all returns the spans by start.
func (r *received) all() []*otlp.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedStableFunc(slices.Values(r.spans), func(a, b *otlp.Span) int {
		return cmp.Compare(a.StartTimeUnixNano, b.StartTimeUnixNano)
	})
}

// one returns the only span of that name, and of that export unless export is empty.
func (r *received) one(t *testing.T, name, export string) *otlp.Span {
	t.Helper()
	return r.find(t, func(s *otlp.Span) bool {
		return s.Name == name && s.Status.GetCode() != otlp.Status_STATUS_CODE_ERROR && (export == "" || attributes(s)["sluice.export.id"] == export)
	})
}

// part returns the root of the part of that type.
func (r *received) part(t *testing.T, export, resourceType string) *otlp.Span {
	t.Helper()
	return r.find(t, func(s *otlp.Span) bool {
		return s.Name == "process part" && attributes(s)["sluice.export.id"] == export && attributes(s)["sluice.resource_type"] == resourceType
	})
}

// child returns the only span of that name below another one.
func (r *received) child(t *testing.T, parent *otlp.Span, name string) *otlp.Span {
	t.Helper()
	return r.find(t, func(s *otlp.Span) bool { return s.Name == name && string(s.ParentSpanId) == string(parent.SpanId) })
}

func (r *received) find(t *testing.T, matches func(*otlp.Span) bool) *otlp.Span {
	t.Helper()
	found := slices.DeleteFunc(r.all(), func(s *otlp.Span) bool { return !matches(s) })
	require.Len(t, found, 1)
	return found[0]
}

// below returns the names of the spans below another one.
func (r *received) below(parent *otlp.Span) (names []string) {
	for _, s := range r.all() {
		if string(s.ParentSpanId) == string(parent.SpanId) {
			names = append(names, s.Name)
		}
	}
	return names
}

// tree prints the traces.
func (r *received) tree() string {
	var text strings.Builder
	var print func(parent []byte, indent string)
	print = func(parent []byte, indent string) {
		for _, s := range r.all() {
			if string(s.ParentSpanId) != string(parent) {
				continue
			}
			fmt.Fprintf(&text, "%s%s %.1f ms", indent, s.Name, float64(s.EndTimeUnixNano-s.StartTimeUnixNano)/1e6)
			for _, attribute := range s.Attributes {
				fmt.Fprintf(&text, " %s=%s", attribute.Key, value(attribute.Value))
			}
			for _, event := range s.Events {
				fmt.Fprintf(&text, " (%s)", event.Name)
			}
			for _, link := range s.Links {
				fmt.Fprintf(&text, " -> %x", link.SpanId)
			}
			if indent == "" {
				fmt.Fprintf(&text, " [%x]", s.SpanId)
			}
			text.WriteByte('\n')
			print(s.SpanId, indent+"  ")
		}
	}
	print(nil, "")
	return text.String()
}

// requireDiscreet checks that everything received contains only known attributes, and
// nothing of what requests and resources contain.
func (r *received) requireDiscreet(t *testing.T, export string) {
	t.Helper()
	known := []string{"aws.s3.key", "aws.s3.part_number", "db.operation.name", "db.system.name", "error.type", "http.request.method",
		"http.response.status_code", "http.route", "messaging.destination.name", "messaging.operation.type", "messaging.river.attempt", "messaging.system"}
	for _, s := range r.all() {
		require.Empty(t, s.Status.GetMessage(), s.Name)
		require.NotEqual(t, "statement", s.Name, "a statement without a known verb")
		requireHarmless(t, s.Name)
		for key, value := range attributes(s) {
			if !strings.HasPrefix(key, "sluice.") {
				require.Contains(t, known, key, s.Name)
			}
			if key == "aws.s3.key" {
				require.Regexp(t, "^"+export+"/", value)
			}
			requireHarmless(t, value)
		}
		for _, event := range s.Events {
			require.Empty(t, event.Attributes, event.Name)
			requireHarmless(t, event.Name)
		}
	}
	require.Equal(t, "sluice", r.resource["service.name"])
	require.Equal(t, "test", r.resource["deployment.environment.name"])
	for key, value := range r.resource {
		require.Contains(t, []string{"deployment.environment.name", "service.instance.id", "service.name", "service.version",
			"telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version"}, key)
		requireHarmless(t, value)
	}
}

func requireHarmless(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{"swordfish", "Müller", "M%C3%BCller", "p1", "o1", "_typeFilter", "_since", "?", "X-Amz", "testsecret", "testkey",
		"FROM ", "VALUES", "postgres:", "127.0.0.1", "operator"} {
		require.NotContains(t, text, secret)
	}
}

func requireLink(t *testing.T, from, to *otlp.Span) {
	t.Helper()
	require.Empty(t, from.ParentSpanId, "it is a trace of its own")
	require.Len(t, from.Links, 1)
	require.Equal(t, to.TraceId, from.Links[0].TraceId)
	require.Equal(t, to.SpanId, from.Links[0].SpanId)
}

func attributes(s *otlp.Span) map[string]string { return values(s.Attributes) }

func values(attributes []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, attribute := range attributes {
		all[attribute.Key] = value(attribute.Value)
	}
	return all
}

func value(v *common.AnyValue) string {
	switch v := v.Value.(type) {
	case *common.AnyValue_IntValue:
		return fmt.Sprint(v.IntValue)
	case *common.AnyValue_StringValue:
		return v.StringValue
	}
	return v.String()
}
