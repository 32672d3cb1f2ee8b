package storage

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"

	"github.com/minio/minio-go/v7"
)

var (
	// ErrNoBucket says that the store answers but has no such bucket.
	ErrNoBucket = errors.New("the bucket does not exist")

	// ErrNoObject says that there is nothing under the key, or another version of
	// the object than the one asked for.
	ErrNoObject = errors.New("no such object")

	// ErrAccessDenied says that the store refused the key, the signature or
	// the action.
	ErrAccessDenied = errors.New("the object store denied access")

	// ErrUnreachable says that no connection to the store came about, or that
	// it broke.
	ErrUnreachable = errors.New("the object store can't be reached")

	// ErrFull means that the store has no space left, or that a quota is used up.
	ErrFull = errors.New("the object store is full")

	// ErrUnavailable means that the store answered, but with an error of its own
	// or with something that is no answer of S3.
	ErrUnavailable = errors.New("the object store answers with errors")

	// ErrNoCredentials says that the URL has no key and the usual AWS ways
	// found none either.
	ErrNoCredentials = errors.New("no S3 credentials: give them in the S3 URL, in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in a shared AWS file, or by a role of the machine")

	// ErrInvalidKey says that a key or prefix is not a clean relative path.
	ErrInvalidKey = errors.New("invalid object key")

	// ErrTooLarge says that an object has more parts than S3 allows; with
	// parts of 5 MiB that is beyond 48 GiB.
	ErrTooLarge = errors.New("the object is larger than 10,000 parts of 5 MiB")
)

// explain puts the sentinel before an error of minio-go where one fits, and
// keeps the error itself in the chain. No error of minio-go holds the secret:
// it signs in headers.
func explain(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var answer minio.ErrorResponse
	if errors.As(err, &answer) {
		return explainAnswer(answer)
	}
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var network net.Error
	var request *url.Error
	if errors.As(err, &request) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return err
}

// fullCodes are what stores answer that have no space left: MinIO, Ceph, and
// those that enforce quotas.
var fullCodes = []string{
	"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage", "InsufficientCapacity",
	"QuotaExceeded", "BucketQuotaExceeded", "ExceededQuota",
}

// busyCodes are what stores answer that are overloaded, whatever the status.
var busyCodes = []string{"SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling", "TooManyRequests", "ServiceUnavailable", "InternalError"}

// explainAnswer sorts what the store itself said. Its code is named, since the
// texts differ from store to store and some are empty.
func explainAnswer(answer minio.ErrorResponse) error {
	switch answer.Code {
	case minio.NoSuchBucket:
		return fmt.Errorf("%w: %w", ErrNoBucket, answer)
	case minio.NoSuchKey, minio.PreconditionFailed:
		return fmt.Errorf("%w: %w", ErrNoObject, answer)
	case "AuthorizationHeaderMalformed", "InvalidRegion":
		return fmt.Errorf("%w (%s, is the region right?): %w", ErrAccessDenied, answer.Code, answer)
	case minio.AccessDenied, "ExpiredToken", "InvalidToken", "XAdminUserNotFound":
		// Not always with a status of refusal: one object of many that could
		// not be deleted has none of its own.
		return fmt.Errorf("%w (%s): %w", ErrAccessDenied, answer.Code, answer)
	}
	switch {
	case answer.StatusCode == http.StatusInsufficientStorage, slices.Contains(fullCodes, answer.Code):
		return fmt.Errorf("%w (%s): %w", ErrFull, answer.Code, answer)
	case answer.StatusCode >= http.StatusInternalServerError, answer.StatusCode == http.StatusTooManyRequests, slices.Contains(busyCodes, answer.Code):
		return fmt.Errorf("%w (%d %s): %w", ErrUnavailable, answer.StatusCode, answer.Code, answer)
	}
	if answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("%w (%s): %w", ErrAccessDenied, answer.Code, answer)
	}
	return fmt.Errorf("the object store answered %s: %w", answer.Code, answer)
}
