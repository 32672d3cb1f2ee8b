package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// defaultExpires is the default of LinkOptions.Expires.
const defaultExpires = time.Hour

// LinkOptions are the options of a link. The headers are signed, so that they cannot be
// changed; an empty one means the header that is stored with the object.
type LinkOptions struct {
	// Expires is how long the link is valid, in whole seconds, at most seven days. Zero
	// means one hour. A link signed with temporary credentials expires with them.
	Expires time.Duration

	// ContentType is the Content-Type of the response.
	ContentType string

	// ContentEncoding is the Content-Encoding of the response: gzip makes HTTP clients
	// decompress an object that is stored as gzip.
	ContentEncoding string

	// FileName is the name under which browsers save the response
	// (Content-Disposition).
	FileName string
}

// Link returns a URL by which the object can be read without credentials until the link
// expires. It does not check that the object exists. Its endpoint is Config.PublicURL
// or else the endpoint of Config.URL.
//
// Signing needs no network unless temporary credentials must be fetched.
func (b *Bucket) Link(ctx context.Context, key string, opts LinkOptions) (string, error) {
	name, err := b.name(key)
	if err != nil {
		return "", fmt.Errorf("storage: link: %w", err)
	}
	query, err := opts.query()
	if err != nil {
		return "", fmt.Errorf("storage: link to %s: %w", key, err)
	}
	link, err := b.signer.PresignedGetObject(ctx, b.config.bucket, name, cmp.Or(opts.Expires, defaultExpires), query)
	if err != nil {
		return "", fmt.Errorf("storage: link to %s: %w", key, explain(err))
	}
	return link.String(), nil
}

// query returns the parameters that make the store set response headers
// (Amazon S3 API, GetObject, response-* parameters).
func (o LinkOptions) query() (url.Values, error) {
	query := url.Values{}
	for name, value := range map[string]string{
		"response-content-type":     o.ContentType,
		"response-content-encoding": o.ContentEncoding,
	} {
		if strings.ContainsFunc(value, unicode.IsControl) {
			return nil, errors.New("a response header has a control character")
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
