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
	// ErrNoBucket means that the bucket does not exist.
	ErrNoBucket = errors.New("the bucket does not exist")

	// ErrNoObject means that there is no object with the key, or only another version
	// of it than the requested one.
	ErrNoObject = errors.New("no such object")

	// ErrAccessDenied means that the store rejected the key, the signature or the
	// action.
	ErrAccessDenied = errors.New("the object store denied access")

	// ErrUnreachable means that no connection to the store could be established, or
	// that it was lost.
	ErrUnreachable = errors.New("the object store cannot be reached")

	// ErrFull means that the store has no space left or a quota is exhausted.
	ErrFull = errors.New("the object store is full")

	// ErrUnavailable means that the store responded with an internal error or with
	// something that is not a response of S3.
	ErrUnavailable = errors.New("the object store responds with errors")

	// ErrNoCredentials means that neither the URL nor AWS's credential chain has
	// credentials.
	ErrNoCredentials = errors.New("no S3 credentials; set them in the S3 URL, in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in a shared AWS file, or by a role of the machine")

	// ErrInvalidKey means that a key or prefix is not a clean relative path.
	ErrInvalidKey = errors.New("invalid object key")

	// ErrTooLarge means that an object has more parts than S3 allows, which with parts
	// of 5 MiB is more than 48 GiB.
	ErrTooLarge = errors.New("the object is larger than 10,000 parts of 5 MiB")
)

// explain wraps an error of minio-go with the sentinel that applies, if any. No error of
// minio-go has the secret: it signs in headers.
func explain(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var response minio.ErrorResponse
	if errors.As(err, &response) {
		return explainResponse(response)
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

// fullCodes are the error codes of stores without space: of MinIO, Ceph, and stores
// that enforce quotas.
var fullCodes = []string{
	"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage", "InsufficientCapacity",
	"QuotaExceeded", "BucketQuotaExceeded", "ExceededQuota",
}

// busyCodes are the error codes of overloaded stores, whatever the HTTP status.
var busyCodes = []string{"SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling", "TooManyRequests", "ServiceUnavailable", "InternalError"}

// explainResponse classifies an error response. Its text includes the code, since the
// messages differ from store to store and some are empty.
func explainResponse(response minio.ErrorResponse) error {
	switch response.Code {
	case minio.NoSuchBucket:
		return fmt.Errorf("%w: %w", ErrNoBucket, response)
	case minio.NoSuchKey, minio.PreconditionFailed:
		return fmt.Errorf("%w: %w", ErrNoObject, response)
	case "AuthorizationHeaderMalformed", "InvalidRegion":
		return fmt.Errorf("%w (%s, is the region right?): %w", ErrAccessDenied, response.Code, response)
	case minio.AccessDenied, "ExpiredToken", "InvalidToken", "XAdminUserNotFound":
		// Not always with a status of 4xx: one of many objects to delete has no status
		// of its own.
		return fmt.Errorf("%w (%s): %w", ErrAccessDenied, response.Code, response)
	}
	switch {
	case response.StatusCode == http.StatusInsufficientStorage, slices.Contains(fullCodes, response.Code):
		return fmt.Errorf("%w (%s): %w", ErrFull, response.Code, response)
	case response.StatusCode >= http.StatusInternalServerError, response.StatusCode == http.StatusTooManyRequests, slices.Contains(busyCodes, response.Code):
		return fmt.Errorf("%w (%d %s): %w", ErrUnavailable, response.StatusCode, response.Code, response)
	}
	if response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("%w (%s): %w", ErrAccessDenied, response.Code, response)
	}
	return fmt.Errorf("the object store responded with %s: %w", response.Code, response)
}
