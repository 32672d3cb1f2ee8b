// Package transfer downloads one file of an export into an output, continues where it was
// interrupted, and verifies it. It must not know manifests or state.
//
// The bytes of a response are stored as they come, or compressed or unpacked on the way
// (Form). One goroutine reads the connection, one stores and hashes, one unpacks and
// counts; they continue over as many requests as a file needs. A download uses 2 MiB, and
// 1 MiB more if it compresses.
package transfer

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/time/rate"

	"github.com/seed-90096f4d/sluice/fetch/access"
	"github.com/seed-90096f4d/sluice/fetch/output"
)

// Verification is how much of a file is verified.
type Verification string

// The verifications.
const (
	Full   Verification = "full"   // count, size, hash, gzip, resource type
	Size   Verification = "size"   // the size, and the hash if it is of the stored bytes
	NoneOf Verification = "none"   // nothing but the end of the response
	Strict Verification = "strict" // full, and the resource type of every line
)

// Options are the options of downloads.
type Options struct {
	Verify Verification
	// Plain stores ndjson without compression. Otherwise it is stored as gzip: as
	// received, or compressed on the way.
	Plain bool
	// RetryFor is how long a download is repeated without receiving a byte that is new.
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
	// Organized means that the file has blocks of resources, each of which begins with a
	// header. The type is not checked, and Count leaves out the headers.
	Organized bool
	SHA256    string // lower-case hex, of the stored or of the plain bytes
}

// Links returns the current link of a file, and whether it requires the access token.
// Renew is called when the link has expired (401, 403, 400 with ExpiredToken, 404, 410):
// at most twice before a download ends with a *RemoteError, unless bytes arrive. Several
// downloads call it at the same time.
type Links interface {
	Link() (link *url.URL, authorize bool)
	Renew(ctx context.Context) error
}

// Progress receives the progress of a download, in bytes of the response: before they are
// compressed or unpacked on the way.
type Progress interface {
	// Total receives the size of the whole transfer when it is known.
	Total(bytes int64)
	// Add receives the number of bytes that were received.
	Add(bytes int)
	// Reset reports that the transfer continues from a number of bytes.
	Reset(bytes int64)
}

// Congestion is notified when servers reject or delay requests, so that fewer downloads run
// at the same time.
type Congestion interface{ Congested() }

// Download is one file to download.
type Download struct {
	Client *http.Client
	// Base is the base URL of the server that Login is for.
	Base   *url.URL
	Login  access.Authorizer
	Links  Links
	Expect Expectation
	File   output.File
	// Name is the name the file is published by. A compressed file gets .gz appended,
	// unless the name already ends in it.
	Name       string
	Options    Options
	Progress   Progress
	Congestion Congestion
	// Warn receives a sentence before each long wait. It may be nil.
	Warn func(text string)
	// Origin is what Began was last called with in an earlier run, from the state. The zero
	// value means that nothing is known of a partial file, which is then discarded.
	Origin Origin
	// Began is called when a response begins a file, before its first byte is written. If
	// it fails, so does the download. Nil means that no later run continues the file.
	Began func(Origin) error
}

// Origin describes the response that a partial file comes from. It is part of the state of
// a run, and has no secrets.
type Origin struct {
	// ETag and LastModified are set if they are strong validators.
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"lastModified,omitempty"`
	// Encoding is the Content-Encoding.
	Encoding string `json:"encoding,omitempty"`
	// Size is the size of the whole response; 0 if it is unknown.
	Size int64 `json:"size,omitempty"`
	// Form is how the bytes of the response are stored.
	Form Form `json:"form,omitempty"`
	// Opaque means that the file is not ndjson.
	Opaque bool `json:"opaque,omitempty"`
}

// Form is how the bytes of a response are stored.
type Form string

// The forms.
const (
	Received   Form = "received"   // as they are
	Compressed Form = "compressed" // plain bytes, compressed on the way
	Unpacked   Form = "unpacked"   // gzip, unpacked on the way
)

// Stored is a file that was downloaded and verified.
type Stored struct {
	// Name is the name it was stored by, with .gz if it is compressed.
	Name string
	// Bytes and SHA256 (lower-case hex) are of the stored file.
	Bytes  int64
	SHA256 string
	// Lines is the number of lines that are not blank, PlainBytes the size of the ndjson;
	// -1 if the file was not unpacked (Options.Verify), or is not ndjson.
	Lines, PlainBytes int64
	// Headers is the number of headers of blocks (Expectation.Organized), which Lines leaves
	// out.
	Headers int64
	// SizeOf is the size that matched Expectation.Size: stored, plain, received, or empty
	// if the size is not known or not verified.
	SizeOf string
}
