package storage

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"
	"time"
	"unicode"
)

const (
	// defaultExpires is how long a link lives when its options don't say.
	defaultExpires = time.Hour

	// maxExpires is the longest life that signature version 4 allows.
	maxExpires = 7 * 24 * time.Hour
)

// LinkOptions says how a link behaves. The headers are part of what is signed,
// so whoever has the link can't change them; an empty one leaves the header to
// what is stored with the object.
type LinkOptions struct {
	// Expires is how long the link works from now, in whole seconds up to
	// seven days. Zero means one hour. A link signed with credentials that
	// expire themselves (a role's) ends with them.
	Expires time.Duration

	// ContentType is the Content-Type the store answers with.
	ContentType string

	// ContentEncoding is the Content-Encoding the store answers with: gzip
	// makes HTTP clients unpack an object that is stored as plain gzip.
	ContentEncoding string

	// FileName is what browsers save the answer as (Content-Disposition).
	FileName string
}

// Link returns a URL under which anyone can GET the object for a while, without
// credentials, whether it exists or not. Its endpoint is Config.PublicURL, or
// else that of Config.URL.
//
// Signing is arithmetic and needs no network, but credentials of a role may
// have to be fetched anew first: that is what ctx is for.
func (b *Bucket) Link(ctx context.Context, key string, opts LinkOptions) (string, error) {
	name, err := b.name(key)
	if err != nil {
		return "", fmt.Errorf("storage: link: %w", err)
	}
	query, err := opts.query()
	if err != nil {
		return "", fmt.Errorf("storage: link to %s: %w", key, err)
	}
	expires, err := opts.expires()
	if err != nil {
		return "", fmt.Errorf("storage: link to %s: %w", key, err)
	}

	link, err := b.signer.PresignedGetObject(ctx, b.place.bucket, name, expires, query)
	if err != nil {
		return "", fmt.Errorf("storage: link to %s: %w", key, explain(err))
	}
	return link.String(), nil
}

// expires returns the life of the link.
func (o LinkOptions) expires() (time.Duration, error) {
	switch {
	case o.Expires == 0:
		return defaultExpires, nil
	case o.Expires < time.Second || o.Expires > maxExpires:
		return 0, fmt.Errorf("a link can live from one second to seven days, not %s", o.Expires)
	}
	return o.Expires, nil
}

// query returns the parameters that make the store set headers
// (Amazon S3 API, GetObject, response-* parameters).
func (o LinkOptions) query() (url.Values, error) {
	query := url.Values{}
	for name, value := range map[string]string{
		"response-content-type":     o.ContentType,
		"response-content-encoding": o.ContentEncoding,
	} {
		if strings.ContainsFunc(value, unicode.IsControl) {
			return nil, errors.New("a header of the answer holds a control character")
		}
		if value != "" {
			query.Set(name, value)
		}
	}
	if o.FileName != "" {
		// RFC 6266: names beyond ASCII are sent as filename*.
		query.Set("response-content-disposition",
			mime.FormatMediaType("attachment", map[string]string{"filename": o.FileName}))
	}
	return query, nil
}
