// Package storage stores objects in an S3-compatible object store: it uploads, lists,
// reads and deletes them and signs links to them.
//
// It knows keys, bytes and links. It must not know what an export is, what the bytes
// mean, or who may read them.
//
// Keys in arguments and results are relative to the prefix of the bucket's URL.
package storage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Bucket is a bucket in an object store and a prefix in it. It is safe for concurrent
// use.
type Bucket struct {
	config    parsedConfig
	store     minio.Core    // retries transient failures
	probe     *minio.Client // does not retry
	signer    *minio.Client // signs links for the public endpoint
	transport *http.Transport
	metrics   *metrics
	buffers   sync.Pool // *[]byte of partSize, for uploads
}

// Open checks cfg and returns the bucket it describes. It does not use the network;
// Check does. Errors are sentences for the operator without secrets.
func Open(cfg Config) (*Bucket, error) {
	p, err := parse(cfg)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}

	transport, err := minio.DefaultTransport(true)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	b := &Bucket{config: p, transport: transport, metrics: newMetrics(cfg.Registry)}
	b.buffers.New = func() any { return new(make([]byte, partSize)) }
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

// client returns a client for one endpoint. All clients share the transport and the
// credentials. Zero attempts means minio-go's default of ten.
func (b *Bucket) client(endpoint *url.URL, creds *credentials.Credentials, attempts int) (*minio.Client, error) {
	return minio.New(endpoint.Host, &minio.Options{
		Creds:        creds,
		Secure:       endpoint.Scheme == "https",
		Transport:    meter{bodyGuard{b.transport, b.metrics.sent}, b.metrics},
		Region:       b.config.region,
		BucketLookup: b.config.lookup,
		MaxRetries:   attempts,
	})
}

// Check returns nil if the bucket exists and the credentials may list it, for a
// readiness probe. It does not retry. The error matches ErrNoBucket, ErrAccessDenied,
// ErrUnreachable or ErrNoCredentials if one of them is the reason.
func (b *Bucket) Check(ctx context.Context) error {
	// A listing, not HEAD: only the response to GET has a body, which distinguishes
	// a wrong key, a wrong signature and a missing permission.
	opts := minio.ListObjectsOptions{Prefix: b.config.prefix, MaxKeys: 1}
	for _, err := range b.listing(ctx, b.probe, opts) {
		if err != nil {
			return fmt.Errorf("storage: bucket %s: %w", b.config.bucket, err)
		}
		break
	}
	return nil
}

// writeCheckKey is the key of the upload that CheckWrite begins.
const writeCheckKey = "sluice-write-check"

// CheckWrite returns nil if the credentials may list the bucket and write to it. It
// begins an upload and aborts it, so that nothing becomes visible. Its errors are those
// of Check, ErrFull and ErrUnavailable.
func (b *Bucket) CheckWrite(ctx context.Context) error {
	if err := b.Check(ctx); err != nil {
		return err
	}
	u := &upload{
		store:      minio.Core{Client: b.probe},
		bucket:     b.config.bucket,
		name:       b.config.prefix + writeCheckKey,
		encryption: b.config.encryption,
		running:    b.metrics.uploads,
	}
	if err := errors.Join(u.begin(ctx), u.abort(ctx)); err != nil {
		return fmt.Errorf("storage: bucket %s: %w", b.config.bucket, err)
	}
	return nil
}

// Close closes the idle connections to the store. It does not interrupt running calls.
func (b *Bucket) Close() {
	b.transport.CloseIdleConnections()
}

// String returns the bucket's URL without credentials and options, for logs.
func (b *Bucket) String() string {
	return b.config.endpoint.JoinPath(b.config.bucket, b.config.prefix).String()
}
