// Package transfer downloads one file of an export into an output, continues where it was
// interrupted, and verifies it. It must not know manifests or state.
package transfer

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/time/rate"

	"github.com/seed-90096f4d/sluice/fetch/output"
)

// Verification is how much of a file is verified.
type Verification string

// The verifications.
const (
	Full   Verification = "full"   // count, size, hash, gzip, resource type
	Size   Verification = "size"   // only the size
	NoneOf Verification = "none"   // nothing but the end of the response
	Strict Verification = "strict" // full, and the resource type of every line
)

// Options are the options of downloads.
type Options struct {
	Verify Verification
	// Plain stores ndjson without compression. Otherwise it is stored as gzip: as
	// received, or compressed on the way.
	Plain bool
	// RetryFor is how long a download is repeated without receiving a byte.
	RetryFor time.Duration
	// StallTimeout is how long a connection may deliver nothing.
	StallTimeout time.Duration
	// Limit limits the bytes received per second over all downloads; nil means no limit.
	Limit *rate.Limiter
}

// Expectation is what is known about a file. Values that are not known are -1 or empty.
type Expectation struct {
	// Type is the resource type of the lines.
	Type        string
	Count, Size int64
	SHA256      string // lower-case hex, of the stored or of the plain bytes
}

// Links returns the current link of a file, and whether it requires the access token.
// Renew is called when the link has expired (401, 403, 400 with ExpiredToken, 404, 410).
type Links interface {
	Link() (link *url.URL, authorize bool)
	Renew(ctx context.Context) error
}

// Authorizer authorizes requests (login.Login).
type Authorizer interface {
	Authorize(ctx context.Context, r *http.Request) error
	Rejected(r *http.Request) bool
}

// Progress receives the progress of a download.
type Progress interface {
	Add(bytes int)
	Reset(bytes int64)
}

// Congestion is told when servers reject or delay requests, so that fewer downloads run
// at the same time.
type Congestion interface{ Congested() }

// Download is one file to download.
type Download struct {
	Client *http.Client
	Login  Authorizer
	Links  Links
	Expect Expectation
	File   output.File
	// Name is the name the file is published by. A compressed file gets .gz appended,
	// unless the name already ends in it.
	Name       string
	Options    Options
	Progress   Progress
	Congestion Congestion
	// ETag and Encoding are those of the response that the partial file comes from, and
	// are set when a response begins: Began is called with them, for the state.
	ETag, LastModified, Encoding string
	Began                        func(etag, lastModified, encoding string)
}

// Stored is a file that was downloaded and verified.
type Stored struct {
	// Name is the name it was stored by, with .gz if it is compressed.
	Name string
	// Lines, Bytes and SHA256 (lower-case hex) are of the stored file.
	Lines, Bytes int64
	SHA256       string
	// PlainBytes is the size of the ndjson.
	PlainBytes int64
}

// MismatchError says that a file is not what the manifest says, twice in a row.
type MismatchError struct {
	Name string
	// Check is count, size, sha256, gzip or type.
	Check     string
	Want, Got string
}

func (e *MismatchError) Error() string { return "not implemented" }

// Run downloads the file and publishes it under its name if it is verified. A file that is
// not is downloaded once more; then it is kept as .bad, and the error is a *MismatchError.
func (d *Download) Run(_ context.Context) (Stored, error) {
	return Stored{}, errors.New("not implemented")
}
