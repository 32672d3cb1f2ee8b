package output

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// bucket is the output to a prefix of a bucket.
type bucket struct {
	store  minio.Core
	name   string
	prefix string // empty or ending in a slash
	lease  leaseTimes
}

// Bucket returns the output to s3://bucket/prefix. Credentials, region, endpoint and CA
// certificates come from the environment variables, shared files and roles that the
// programs of AWS use: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, web
// identity, containers, instances; AWS_REGION or AWS_DEFAULT_REGION; AWS_ENDPOINT_URL_S3
// or AWS_ENDPOINT_URL; AWS_CA_BUNDLE. Buckets are in the path for endpoints that are not
// Amazon's.
//
// Files are streamed without disk as multipart uploads: an object appears when its file is
// published. A file that is interrupted begins again in a later run.
func Bucket(_ context.Context, rawURL string) (Output, error) {
	name, prefix, err := parseBucketURL(rawURL)
	if err != nil {
		return nil, err
	}
	env, err := readEnvironment()
	if err != nil {
		return nil, err
	}
	client, err := minio.New(env.endpoint.Host, &minio.Options{
		Creds:     env.credentials,
		Secure:    env.endpoint.Scheme == "https",
		Transport: bodyGuard{stallGuard{env.transport, stallTimeout}},
		Region:    env.region,
	})
	if err != nil {
		return nil, fmt.Errorf("S3 endpoint %s: %w", env.endpoint, err)
	}
	return &bucket{store: minio.Core{Client: client}, name: name, prefix: prefix, lease: defaultLease}, nil
}

// parseBucketURL returns the bucket and the prefix of s3://bucket/prefix.
func parseBucketURL(rawURL string) (name, prefix string, err error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "s3" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Port() != "" {
		return "", "", errors.New("invalid bucket; expected s3://bucket/prefix without credentials and options")
	}
	if err := s3utils.CheckValidBucketNameStrict(u.Host); err != nil {
		return "", "", fmt.Errorf("invalid bucket name %q: must be 3 to 63 lower-case letters, digits, dots and hyphens", u.Host)
	}
	prefix = strings.Trim(u.Path, "/")
	if prefix == "" {
		return u.Host, "", nil
	}
	if err := checkName(prefix); err != nil {
		return "", "", fmt.Errorf("prefix in the bucket: %w", err)
	}
	return u.Host, prefix + "/", nil
}

// Sequential implements Output.
func (*bucket) Sequential() bool { return false }

// String implements Output.
func (b *bucket) String() string { return "s3://" + path.Join(b.name, b.prefix) }

// ReadDocument implements Output.
func (b *bucket) ReadDocument(ctx context.Context, name string) ([]byte, error) {
	r, err := b.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	return content, errors.Join(err, r.Close())
}

// WriteDocument implements Output.
func (b *bucket) WriteDocument(ctx context.Context, name string, content []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	_, err := b.put(ctx, name, content, minio.PutObjectOptions{ContentType: contentType(name)})
	return err
}

// RemoveDocument implements Output.
func (b *bucket) RemoveDocument(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return b.explain(name, b.store.RemoveObject(ctx, b.name, b.prefix+name, minio.RemoveObjectOptions{}))
}

// Discard implements Output. Nothing of an interrupted run is left after Lock.
func (*bucket) Discard(context.Context, string) error { return nil }

// Open implements Output.
func (b *bucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	r, _, _, err := b.get(ctx, name)
	return r, err
}

// get opens an object.
func (b *bucket) get(ctx context.Context, name string) (io.ReadCloser, minio.ObjectInfo, http.Header, error) {
	r, info, header, err := b.store.GetObject(ctx, b.name, b.prefix+name, minio.GetObjectOptions{})
	return r, info, header, b.explain(name, err)
}

// put stores an object in one request. The store checks the hash of the content.
func (b *bucket) put(ctx context.Context, name string, content []byte, options minio.PutObjectOptions) (minio.UploadInfo, error) {
	options.DisableContentSha256 = true // of chunks, whose encoding some stores keep
	info, err := b.store.PutObject(ctx, b.name, b.prefix+name, bytes.NewReader(content), int64(len(content)), "", sum(content), options)
	return info, b.explain(name, err)
}

// sum returns a hash in hex.
func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

// contentType returns the media type of a file by its name. Compressed files have no
// Content-Encoding: programs that read buckets know them by their names.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".gz":
		return "application/gzip"
	case ".ndjson":
		return "application/fhir+ndjson"
	case ".json", lockExt:
		return "application/json"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".csv":
		return "text/csv"
	case ".parquet":
		return "application/vnd.apache.parquet"
	}
	return "application/octet-stream"
}

// lockExt is the extension of the lock's name.
const lockExt = ".lock"

// explain adds the object and the code of the store to an error.
func (b *bucket) explain(name string, err error) error {
	if err == nil {
		return nil
	}
	object := "s3://" + path.Join(b.name, b.prefix+name)
	var response minio.ErrorResponse
	if !errors.As(err, &response) {
		return fmt.Errorf("%s: %w", object, err)
	}
	if response.Code == minio.NoSuchKey {
		return fmt.Errorf("%s: %w", object, ErrNotExist)
	}
	return fmt.Errorf("%s: %s: %w", object, response.Code, err)
}

// isCode reports whether an error is one of a store with a code.
func isCode(err error, codes ...string) bool {
	var response minio.ErrorResponse
	if !errors.As(err, &response) {
		return false
	}
	for _, code := range codes {
		if response.Code == code {
			return true
		}
	}
	return false
}

// lasting returns a context that does not end with ctx, for requests whose interruption
// would leave something behind.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}
