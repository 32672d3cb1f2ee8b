// Package storage keeps the files of exports in S3-compatible object storage:
// it uploads a stream, signs a link to it and deletes it again.
//
// It knows keys, bytes and links. It must not know what an export is, what the
// bytes mean, or who may read them: that is said by its callers.
//
// Keys are relative to the prefix the bucket was opened with, in the methods'
// arguments as in what they return.
package storage

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Bucket is a place in object storage: a bucket and a prefix in it. It is safe
// for concurrent use.
type Bucket struct {
	place     place
	store     minio.Core    // does the work, and repeats what failed in passing
	probe     *minio.Client // asks once, so that Check answers at once
	signer    *minio.Client // signs links under the public endpoint
	transport *http.Transport
	buffers   sync.Pool // *[]byte of partSize, for uploads that run
}

// Open checks cfg and returns the bucket it describes. It does not touch the
// network; Check does. An error is one sentence, fit for the operator, and
// never holds the secret.
func Open(cfg Config) (*Bucket, error) {
	p, err := parse(cfg)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}

	transport, err := minio.DefaultTransport(true)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	b := &Bucket{place: p, transport: transport, buffers: sync.Pool{New: newBuffer}}
	creds := p.credentials()

	client, err := b.client(p.endpoint, creds, 0)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	b.store = minio.Core{Client: client}
	if b.probe, err = b.client(p.endpoint, creds, 1); err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	if b.signer, err = b.client(p.public, creds, 1); err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	return b, nil
}

// client returns a client for one endpoint. All share the transport and the
// credentials. Zero attempts are minio-go's ten.
func (b *Bucket) client(endpoint *url.URL, creds *credentials.Credentials, attempts int) (*minio.Client, error) {
	return minio.New(endpoint.Host, &minio.Options{
		Creds:        creds,
		Secure:       endpoint.Scheme == "https",
		Transport:    leasing{b.transport},
		Region:       b.place.region,
		BucketLookup: b.place.lookup,
		MaxRetries:   attempts,
	})
}

// Check reports whether the bucket exists and these credentials may list it,
// for a readiness probe. It asks once and does not wait for a store that is
// down. The error matches ErrNoBucket, ErrAccessDenied, ErrUnreachable or
// ErrNoCredentials where one of them is the reason.
func (b *Bucket) Check(ctx context.Context) error {
	// A listing, not HEAD: only the answer to a GET has a body that says
	// whether the key, the signature or the policy was at fault.
	opts := minio.ListObjectsOptions{Prefix: b.place.prefix, MaxKeys: 1}
	for info := range b.probe.ListObjectsIter(ctx, b.place.bucket, opts) {
		if info.Err != nil {
			return fmt.Errorf("storage: bucket %s: %w", b.place.bucket, explain(info.Err))
		}
		break
	}
	// A listing whose context has ended ends too, as if there were nothing.
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("storage: bucket %s: %w", b.place.bucket, err)
	}
	return nil
}

// writeCheckKey is the object that CheckWrite begins.
const writeCheckKey = "sluice-write-check"

// CheckWrite reports whether these credentials may list the bucket and write to
// it. It begins an upload and removes it, so that nothing becomes visible. Its
// errors are those of Check, ErrFull and ErrUnavailable.
func (b *Bucket) CheckWrite(ctx context.Context) error {
	if err := b.Check(ctx); err != nil {
		return err
	}
	u := &upload{
		store:      minio.Core{Client: b.probe},
		bucket:     b.place.bucket,
		name:       b.place.prefix + writeCheckKey,
		encryption: b.place.encryption,
	}
	if err := u.begin(ctx); err != nil {
		return fmt.Errorf("storage: bucket %s: %w", b.place.bucket, err)
	}
	if err := u.abort(ctx); err != nil {
		return fmt.Errorf("storage: bucket %s: %w", b.place.bucket, err)
	}
	return nil
}

// Close drops the idle connections to the store. Running calls go on.
func (b *Bucket) Close() {
	b.transport.CloseIdleConnections()
}

// String names the bucket for logs: its URL without credentials and options.
func (b *Bucket) String() string {
	return b.place.endpoint.JoinPath(b.place.bucket, b.place.prefix).String()
}
