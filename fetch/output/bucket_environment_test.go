package output_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/output"
)

// clearEnvironment removes what the machine has.
func clearEnvironment(t *testing.T) (home string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	require.NoError(t, os.Mkdir(filepath.Join(home, ".aws"), 0o700))
	return home
}

func TestEnvironment(t *testing.T) {
	home := clearEnvironment(t)
	read := func() []string {
		t.Helper()
		endpoint, region, key, err := output.ReadEnvironment()
		require.NoError(t, err)
		return []string{endpoint, region, key}
	}
	_, _, _, err := output.ReadEnvironment()
	require.ErrorContains(t, err, "no S3 credentials")

	require.NoError(t, os.WriteFile(filepath.Join(home, ".aws", "config"), []byte("[default]\nregion = eu-west-1\n[profile lake]\nregion = eu-central-1\nendpoint_url = http://localhost:9000\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".aws", "credentials"), []byte("[default]\naws_access_key_id = A\naws_secret_access_key = a\n[lake]\naws_access_key_id = B\naws_secret_access_key = b\n"), 0o600))
	require.Equal(t, []string{"https://s3.amazonaws.com", "eu-west-1", "A"}, read())
	t.Setenv("AWS_PROFILE", "lake")
	require.Equal(t, []string{"http://localhost:9000", "eu-central-1", "B"}, read())
	t.Setenv("AWS_DEFAULT_REGION", "us-west-2")
	t.Setenv("AWS_ENDPOINT_URL", "https://minio.example")
	t.Setenv("AWS_ACCESS_KEY_ID", "C")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "c")
	require.Equal(t, []string{"https://minio.example", "us-west-2", "C"}, read())
	t.Setenv("AWS_REGION", "us-east-2")
	t.Setenv("AWS_ENDPOINT_URL_S3", "https://s3.example:9000")
	require.Equal(t, []string{"https://s3.example:9000", "us-east-2", "C"}, read())
	t.Setenv("AWS_PROFILE", "")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	require.NoError(t, os.Remove(filepath.Join(home, ".aws", "config")))
	require.Equal(t, []string{"https://s3.example:9000", "us-east-1", "C"}, read())
}

func TestInvalidEnvironment(t *testing.T) {
	clearEnvironment(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "C")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "c")
	for _, endpoint := range []string{"s3.example", "ftp://s3.example", "https://s3.example/path", "https://key:secret@s3.example", "https://"} {
		t.Setenv("AWS_ENDPOINT_URL", endpoint)
		_, err := output.Bucket(t.Context(), "s3://bucket")
		require.ErrorContains(t, err, "invalid S3 endpoint", endpoint)
		require.NotContains(t, err.Error(), "secret")
	}
	t.Setenv("AWS_ENDPOINT_URL", "")
	file := filepath.Join(t.TempDir(), "ca.pem")
	t.Setenv("AWS_CA_BUNDLE", file)
	_, err := output.Bucket(t.Context(), "s3://bucket")
	require.ErrorContains(t, err, "AWS_CA_BUNDLE")
	require.NoError(t, os.WriteFile(file, []byte("none"), 0o600))
	_, err = output.Bucket(t.Context(), "s3://bucket")
	require.ErrorContains(t, err, "no certificate")
}

func TestBucketURL(t *testing.T) {
	clearEnvironment(t)
	for url, want := range map[string]string{
		"s3://bucket": "s3://bucket", "s3://bucket/": "s3://bucket", "s3://bucket/a/b/": "s3://bucket/a/b", "s3://my.bucket/a": "s3://my.bucket/a",
	} {
		out, err := output.Bucket(t.Context(), url)
		require.NoError(t, err)
		require.Equal(t, want, out.String())
		require.False(t, out.Sequential())
	}
	for _, url := range []string{"", "bucket", "https://bucket/a", "s3://", "s3:///a", "s3://ab", "s3://Bucket_", "s3://key:secret@bucket/a", "s3://bucket/a?b=c", "s3://bucket/../a", "s3://bucket:1/a", "s3://bucket/a//b"} {
		_, err := output.Bucket(t.Context(), url)
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "secret")
	}
}
