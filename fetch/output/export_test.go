package output

import (
	"net/http"
	"time"
)

// PartBytes is the size of the parts of uploads.
const PartBytes = partBytes

// WithLease returns the output to a bucket with other times of its lock.
func WithLease(out Output, length, renewal, margin time.Duration) Output {
	b := *out.(*bucket)
	b.lease = leaseTimes{length: length, renewal: renewal, margin: margin}
	return &b
}

// StallGuard returns the transport to stores with another timeout.
func StallGuard(next http.RoundTripper, timeout time.Duration) http.RoundTripper {
	return stallGuard{next, timeout}
}

// ReadEnvironment returns the endpoint and region, and the key of the credentials.
func ReadEnvironment() (endpoint, region, key string, err error) {
	env, err := readEnvironment()
	if err != nil {
		return "", "", "", err
	}
	value, err := env.credentials.GetWithContext(nil)
	return env.endpoint.String(), env.region, value.AccessKeyID, err
}
