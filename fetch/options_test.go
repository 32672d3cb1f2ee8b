package fetch

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/fetch/login"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/transfer"
)

// A run that continues without a request has the options of the one that began.
func TestOptionsAreContinued(t *testing.T) {
	t.Parallel()
	files := append(fetchtest.Files("Patient", 2, 10), fetchtest.Deletions("Bundle.1.ndjson", "Patient/gone"))
	server := fetchtest.New(t, fetchtest.Options{Files: files, Faults: []fetchtest.Fault{
		fetchtest.Download.File("Patient.2.ndjson").First(3, fetchtest.Reject(404))}})
	dir := t.TempDir()
	o := options(t, server, dir)
	o.renewInterval = time.Millisecond
	o.Deleted, o.Keep, o.ServerNames, o.FailOn, o.Transfer.Plain = DeletedList, true, true, FailOnNever, true
	_, err := Run(t.Context(), o)
	require.Equal(t, Incomplete, kindOfError(t, err))

	for text, set := range map[string]func(*Options){
		"deletions": func(o *Options) { o.Deleted = DeletedDrop }, "fail on": func(o *Options) { o.FailOn = FailOnError },
		"keep": func(o *Options) { o.Keep = false }, "naming": func(o *Options) { o.ServerNames = false },
		"compression": func(o *Options) { o.Transfer.Plain = false },
	} {
		other := o
		set(&other)
		_, err = Run(t.Context(), other)
		require.Equal(t, Local, kindOfError(t, err))
		require.ErrorContains(t, err, text)
	}
	resumed := options(t, server, dir)
	resumed.BaseURL, resumed.Request, resumed.Deleted, resumed.FailOn = "", remote.Request{}, "", ""
	_, err = Run(t.Context(), resumed)
	require.NoError(t, err)
	require.Subset(t, names(tree(t, dir)), []string{"Patient.1.ndjson", "Patient.2.ndjson", "deleted.txt"})
	require.Equal(t, 1, server.Exports())
}

// An export of unknown content does not continue a chain.
func TestStatusURLInChain(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{})
	o := options(t, server, t.TempDir())
	o.StatusURL, o.SinceAuto = server.BaseURL+"/status/1", true
	_, err := Run(t.Context(), o)
	require.Equal(t, Local, kindOfError(t, err))
	require.ErrorContains(t, err, "cannot continue a chain")
}

// Files of issues and deletions that cannot be read are issues.
func TestUnreadableFiles(t *testing.T) {
	t.Parallel()
	bad := fetchtest.File{Type: "OperationOutcome", Section: "error", Name: "e.ndjson", Content: []byte("oops\n")}
	for _, stream := range []bool{true, false} {
		server := fetchtest.New(t, fetchtest.Options{Files: append(fetchtest.Files("Patient", 1, 2), bad), Manifest: fetchtest.ManifestOptions{NoCounts: true}})
		o := options(t, server, t.TempDir())
		o.Transfer.Verify = transfer.Size
		if stream {
			o.Output = output.Stream(io.Discard)
		}
		_, err := Run(t.Context(), o)
		require.Equal(t, HasIssues, kindOfError(t, err))
		require.ErrorContains(t, err, "cannot be read")
	}
	for content, kind := range map[string]Kind{`{"resourceType":"Bundle","entry":null}`: -1, `{"resourceType":"Bundle","entry":[1]}`: -1, `{"entry":{}}`: HasIssues} {
		server := fetchtest.New(t, fetchtest.Options{Files: []fetchtest.File{{Type: "Bundle", Section: "deleted", Name: "b.ndjson", Content: []byte(content + "\n")}}})
		o := options(t, server, t.TempDir())
		o.Deleted, o.Transfer.Verify = DeletedList, transfer.Size
		_, err := Run(t.Context(), o)
		if kind < 0 {
			require.NoError(t, err, content)
			continue
		}
		require.Equal(t, kind, kindOfError(t, err), content)
	}
}

// What was not counted is not compared.
func TestVerifyWithoutCounts(t *testing.T) {
	t.Parallel()
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 100), Encoding: fetchtest.GzipFile})
	o := options(t, server, t.TempDir())
	o.Transfer.Verify = transfer.NoneOf
	_, err := Run(t.Context(), o)
	require.NoError(t, err)
	_, err = Verify(t.Context(), o.Output, o.Reporter)
	require.NoError(t, err)

	dir := t.TempDir()
	o = scripted(t, dir, func(int) (int, []string) { return http.StatusOK, []string{"x.parquet"} }, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.apache.parquet")
		_, _ = io.WriteString(w, "PAR1\nabc\n\x00\x01PAR1")
	})
	_, err = Run(t.Context(), o)
	require.NoError(t, err)
	require.Contains(t, tree(t, dir), "Patient.0001.parquet")
	_, err = Verify(t.Context(), o.Output, o.Reporter)
	require.NoError(t, err)
}

// A token endpoint that answers without a token during a run refuses the login.
func TestTokenEndpointBreaks(t *testing.T) {
	t.Parallel()
	revoke := func(s *fetchtest.Server, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.RevokeTokens()
			next.ServeHTTP(w, r)
		})
	}
	empty := func(*fetchtest.Server, http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	}
	for name, step := range map[string]fetchtest.Target{"status": fetchtest.Status, "download": fetchtest.Download} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 3, 1),
				Auth:   fetchtest.Auth{Method: fetchtest.ClientSecret, ClientID: "me", Secret: "right"},
				Faults: []fetchtest.Fault{fetchtest.Token.From(2, empty), step.Nth(1, revoke)}})
			o := options(t, server, t.TempDir())
			o.Login = login.Options{ClientID: "me", Secret: func() (string, error) { return "right", nil }, Method: login.Secret}
			_, err := Run(t.Context(), o)
			require.Equal(t, LoginRefused, kindOfError(t, err), "%v", err)
		})
	}
}
