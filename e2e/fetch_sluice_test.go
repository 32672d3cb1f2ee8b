package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// certificate writes a certificate for 127.0.0.1 and its key, and returns their names. It
// is its own CA.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, kind string, content []byte) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600))
		return name
	}
	return write("cert.pem", "CERTIFICATE", pair.Certificate[0]), write("key.pem", "PRIVATE KEY", key)
}

// unusedAddress returns an address that nothing listens to.
func unusedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// fetchKeys generates a key with the command for it, adds a client with its public key, and
// returns the file of the private key.
func (j *journey) fetchKeys(kind string) (keyFile string) {
	j.t.Helper()
	dir := j.t.TempDir()
	keyFile, public := filepath.Join(dir, "key.json"), filepath.Join(dir, "public.json")
	stdout, _ := j.run(cli.ExitOK, "fetch", "keygen", "-o", keyFile, "--kind", kind)
	require.NoError(j.t, os.WriteFile(public, []byte(stdout), 0o600))
	j.sluice(cli.ExitOK, "client", "add", "keys-"+kind, "--scope=system/*.rs", "--jwks="+public)
	return keyFile
}

// run runs a command without flags of databases and returns its output.
func (j *journey) run(code int, args ...string) (stdout, stderr string) {
	j.t.Helper()
	var out, err bytes.Buffer
	require.Equal(j.t, code, cli.Run(j.t.Context(), args, &out, &err), err.String())
	return out.String(), err.String()
}

// Sluice's own exports, over TLS with a private CA: all ways to log in, both ways to
// serve files, all outputs.
func TestFetchFromSluice(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.addClient()
	var data strings.Builder
	for i := range 2000 {
		_, _ = fmt.Fprintf(&data, `{"resourceType":"Patient","id":"p%d","birthDate":"2000-01-01"}`+"\n", i)
		_, _ = fmt.Fprintf(&data, `{"resourceType":"Observation","id":"o%d","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p%d"}}`+"\n", i, i)
	}
	j.load(data.String())
	cert, key := certificate(t)
	servers := map[string]string{}
	for _, access := range []string{"presigned", "proxied"} {
		address := unusedAddress(t) // which access tokens are bound to
		j.start("serve", "--listen="+address, "--base-url=https://"+address, "--file-access="+access,
			"--tls-cert="+cert, "--tls-key="+key, "--meta-version-id=string")
		servers[access] = "https://" + address + "/fhir"
	}
	keyES, keyRS := j.fetchKeys("ES384"), j.fetchKeys("RS384")

	const secret = "SLUICE_FETCH_SECRET=swordfish"
	basic := []string{"--client-id=a", "--auth=basic"}
	for name, test := range map[string]struct {
		access string
		args   []string
		files  int // at least, of a type
	}{
		"links":              {"presigned", basic, 1},
		"files of the API":   {"proxied", basic, 1},
		"ES384":              {"proxied", []string{"--client-id=keys-ES384", "--auth=smart", "--key=" + keyES}, 1},
		"RS384":              {"presigned", []string{"--client-id=keys-RS384", "--auth=smart", "--key=" + keyRS}, 1},
		"token for a secret": {"proxied", []string{"--client-id=a", "--auth=secret"}, 1},
		"many files":         {"presigned", append([]string{"--param=_maximumFileSize=65536"}, basic...), 3},
		"partial manifests":  {"proxied", append([]string{"--param=_maximumFileSize=65536", "--partial"}, basic...), 3},
		"plain":              {"proxied", append([]string{"--plain"}, basic...), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFetcher(t, append([]string{"--ca-file=" + cert}, test.args...)...)
			f.env = []string{secret}
			content := f.complete(servers[test.access])
			requireAll(t, cert, servers[test.access], content)
			patients, err := filepath.Glob(filepath.Join(f.dir, "Patient.*"))
			require.NoError(t, err)
			require.GreaterOrEqual(t, len(patients), test.files)
			require.NotContains(t, f.output.String(), "swordfish")

			var stdout, stderr bytes.Buffer
			require.Equal(t, cli.ExitOK, cli.Run(t.Context(), []string{"fetch", "verify", f.dir}, &stdout, &stderr), stderr.String())
			damage(t, f.dir)
			require.Equal(t, 6, cli.Run(t.Context(), []string{"fetch", "verify", f.dir}, &stdout, &stderr), stderr.String())
		})
	}
	t.Run("bucket", func(t *testing.T) {
		t.Parallel()
		address := storagetest.Bucket(t)
		f := newFetcher(t, append([]string{"--ca-file=" + cert}, basic...)...)
		f.out, f.env = bucketOutput(t, address)
		f.env = append(f.env, secret)
		require.Equal(t, cli.ExitOK, f.run(servers["presigned"]), f.output.String())
		requireAll(t, cert, servers["presigned"], bucketContent(t, address))
	})
	t.Run("standard output", func(t *testing.T) {
		t.Parallel()
		f := newFetcher(t, append([]string{"--ca-file=" + cert, "--type=Patient", "--quiet"}, basic...)...)
		f.out, f.env = "-", []string{secret}
		require.Equal(t, cli.ExitOK, f.run(servers["presigned"]), f.output.String())
		require.Equal(t, 2000, strings.Count(f.output.String(), `"resourceType":"Patient"`))
	})
	t.Run("organized by patient", func(t *testing.T) {
		t.Parallel()
		f := newFetcher(t, append([]string{"--ca-file=" + cert, "--level=patient", "--organize-by=Patient"}, basic...)...)
		f.env = []string{secret}
		require.Equal(t, cli.ExitOK, f.run(servers["presigned"]), f.output.String())
		require.Contains(t, f.output.String(), "4,000 resources")
		_, summary := j.run(cli.ExitOK, "fetch", "verify", f.dir)
		require.Contains(t, summary, "4,000 resources")
	})
	t.Run("unknown CA", func(t *testing.T) {
		t.Parallel()
		f := newFetcher(t, append([]string{"--retry-for=1s", "--wait=1s"}, basic...)...)
		f.env = []string{secret}
		require.NotEqual(t, cli.ExitOK, f.run(servers["presigned"]))
		require.Contains(t, f.output.String(), "certificate")
	})
	t.Run("wrong secret", func(t *testing.T) {
		t.Parallel()
		f := newFetcher(t, append([]string{"--ca-file=" + cert}, basic...)...)
		f.env = []string{"SLUICE_FETCH_SECRET=wrong"}
		require.Equal(t, 2, f.run(servers["proxied"]), f.output.String())
	})
}

// requireAll checks that the files have the lines of the dumps of both types.
func requireAll(t *testing.T, certFile, server string, content map[string]string) {
	t.Helper()
	require.Contains(t, content, "manifest.json")
	for _, resourceType := range []string{"Patient", "Observation"} {
		dump := send(t, trusting(t, certFile), http.MethodGet, strings.TrimSuffix(server, "/fhir")+"/"+resourceType+"/$dump?fhir=true", "")
		require.Equal(t, http.StatusOK, dump.status, dump.body)
		var lines []string
		for name, stored := range content {
			if strings.HasPrefix(path.Base(name), resourceType+".") {
				lines = append(lines, strings.SplitAfter(unpacked(t, name, stored), "\n")...)
			}
		}
		require.True(t, slices.Equal(sorted(strings.SplitAfter(dump.body, "\n")), sorted(lines)), "the lines of %s", resourceType)
	}
}

// trusting returns a transport that trusts a certificate.
func trusting(t *testing.T, certFile string) http.RoundTripper {
	t.Helper()
	cert, err := os.ReadFile(certFile)
	require.NoError(t, err)
	transport := newTransport(t)
	transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
	require.True(t, transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(cert))
	return transport
}

// sorted returns the lines that are not empty, sorted.
func sorted(lines []string) []string {
	lines = slices.DeleteFunc(lines, func(line string) bool { return line == "" })
	slices.Sort(lines)
	return lines
}

// unpacked returns the ndjson of a stored file.
func unpacked(t *testing.T, name, stored string) string {
	t.Helper()
	if !strings.HasSuffix(name, ".gz") {
		return stored
	}
	reader, err := gzip.NewReader(strings.NewReader(stored))
	require.NoError(t, err, name)
	plain, err := io.ReadAll(reader)
	require.NoError(t, err, name)
	return string(plain)
}

// damage changes a byte of one file of a directory.
func damage(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "Patient.*"))
	require.NoError(t, err)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	content[len(content)/2] ^= 1
	require.NoError(t, os.WriteFile(files[0], content, 0o600))
}

// bucketOutput returns the output to a bucket and the variables for it.
func bucketOutput(t *testing.T, address string) (out string, env []string) {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	password, _ := u.User.Password()
	return "s3:/" + u.Path, []string{
		"AWS_ACCESS_KEY_ID=" + u.User.Username(), "AWS_SECRET_ACCESS_KEY=" + password,
		"AWS_REGION=" + u.Query().Get("region"), "AWS_ENDPOINT_URL_S3=" + u.Scheme + "://" + u.Host,
	}
}

// bucketContent returns the objects of a bucket by their names.
func bucketContent(t *testing.T, address string) map[string]string {
	t.Helper()
	core, bucket, prefix := storagetest.Direct(t, address)
	content := map[string]string{}
	for object := range core.Client.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		require.NoError(t, object.Err)
		reader, err := core.Client.GetObject(t.Context(), bucket, object.Key, minio.GetObjectOptions{})
		require.NoError(t, err)
		stored, err := io.ReadAll(reader)
		require.NoError(t, err)
		content[strings.TrimPrefix(object.Key, prefix)] = string(stored)
	}
	return content
}
