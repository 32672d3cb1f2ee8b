package retry

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"net/http"
)

// IsTransient reports whether a request that got a status, or failed with an error, may
// succeed when it is repeated: 408, 429, 5xx except 501, and errors of the network,
// among them an unexpected end of a response. Not transient are invalid certificates,
// servers that do not speak TLS, contexts that ended, errors of local files, and errors
// marked by Permanent. The status is ignored if there is an error.
func IsTransient(status int, err error) bool {
	if err != nil {
		return !isPermanent(err)
	}
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented:
		return false
	}
	return status >= 500 && status <= 599
}

// isPermanent reports whether an error stays when the request is repeated. It is a list of
// exceptions because the errors of HTTP/2 have no exported types.
func isPermanent(err error) bool {
	var permanent *permanentError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var path *fs.PathError
	return errors.As(err, &permanent) || errors.As(err, &certificate) || errors.As(err, &record) ||
		errors.As(err, &path) || errors.Is(err, http.ErrSchemeMismatch) || isContextEnd(err)
}

// isContextEnd reports whether an error means that a context ended. errors.Is reports
// context.DeadlineExceeded for timeouts of connections, too, so the chain is searched for
// the value itself.
func isContextEnd(err error) bool {
	if errors.Is(err, context.Canceled) {
		return true
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if err == context.DeadlineExceeded { //nolint:errorlint // see above
			return true
		}
	}
	return false
}

// IsUnknownHost reports whether the name of a host does not exist. It is probably
// misspelled if nothing has worked before.
func IsUnknownHost(err error) bool {
	var name *net.DNSError
	return errors.As(err, &name) && name.IsNotFound
}

// Permanent marks an error as not transient.
func Permanent(err error) error { return &permanentError{err} }

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }
