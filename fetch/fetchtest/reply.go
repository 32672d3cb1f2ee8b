package fetchtest

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Reject answers with a status in place of what was asked for, with an OperationOutcome,
// or, for 502 to 504, with a page of a proxy.
func Reject(status int, headers ...Header) Effect {
	return RejectWith(status, fmt.Sprintf("rejected with %d", status), headers...)
}

// RejectWith answers with a status and an OperationOutcome with a text.
func RejectWith(status int, text string, headers ...Header) Effect {
	return func(*Server, http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for _, set := range headers {
				set(w.Header())
			}
			if status >= http.StatusBadGateway && status <= http.StatusGatewayTimeout {
				http.Error(w, "<html>"+http.StatusText(status)+"</html>", status)
				return
			}
			Outcome(w, status, text)
		})
	}
}

// Reply answers with a body in place of what was asked for.
func Reply(status int, contentType, body string) Effect {
	return func(*Server, http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})
	}
}

// RejectGET answers 405 to GET requests.
func RejectGET() Effect {
	return func(s *Server, next http.Handler) http.Handler {
		rejected := Reject(http.StatusMethodNotAllowed, func(h http.Header) { h.Set("Allow", http.MethodPost) })(s, next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				rejected.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// RejectAbove rejects requests while n requests that the effect applies to are running.
func RejectAbove(n, status int, headers ...Header) Effect {
	places := make(chan struct{}, n)
	return func(s *Server, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case places <- struct{}{}:
				defer func() { <-places }()
				next.ServeHTTP(w, r)
			default:
				Reject(status, headers...)(s, next).ServeHTTP(w, r)
			}
		})
	}
}

// Reset closes the connection without a response.
func Reset() Effect {
	return func(*Server, http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}
}

// Do calls a function when the request arrives, before anything is sent: to kill the
// client, or to change something at the server.
func Do(f func()) Effect {
	return func(_ *Server, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f()
			next.ServeHTTP(w, r)
		})
	}
}

// TokensRevoked revokes all access tokens when the request arrives.
func TokensRevoked() Effect {
	return func(s *Server, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.RevokeTokens()
			next.ServeHTTP(w, r)
		})
	}
}

// Header sets headers of a response.
type Header func(http.Header)

// RetryAfter sets Retry-After to a number of seconds, or to anything else.
func RetryAfter(value string) Header {
	return func(h http.Header) { h.Set("Retry-After", value) }
}

// RetryAfterDate sets Retry-After to a date that is d after the Date of the response, by
// a clock that differs from ours by skew.
func RetryAfterDate(d, skew time.Duration) Header {
	return func(h http.Header) {
		now := time.Now().Add(skew).UTC()
		h.Set("Date", now.Format(http.TimeFormat))
		h.Set("Retry-After", now.Add(d).Format(http.TimeFormat))
	}
}

// WithHeaders sets headers of responses that are otherwise as they should be.
func WithHeaders(headers ...Header) Effect {
	return func(_ *Server, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, set := range headers {
				set(w.Header())
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Set sets a header. Without a value, the header is not sent.
func Set(key, value string) Header {
	return func(h http.Header) {
		if value == "" {
			h[http.CanonicalHeaderKey(key)] = nil
			return
		}
		h.Set(key, value)
	}
}

// ETagChanges gives each response another ETag.
func ETagChanges() Effect {
	return func(s *Server, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", strconv.Quote("changed-"+strconv.Itoa(s.count("ETag"))))
			next.ServeHTTP(w, r)
		})
	}
}

// WeakETag sends a weak ETag, which is the same each time.
func WeakETag() Effect { return WithHeaders(Set("ETag", `W/"weak"`)) }

// NoETag sends no ETag; Last-Modified stays.
func NoETag() Effect { return WithHeaders(Set("ETag", "")) }
