// Package problem holds the errors with which the API refuses or fails a
// request, and their form as FHIR OperationOutcomes.
//
// It must not know endpoints, nor how responses are written.
package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// Problem is the error of a request. Its text goes to the client; its cause goes
// to the log only.
type Problem struct {
	// Status is the HTTP status of the response.
	Status int

	// Code is from FHIR's value set issue-type.
	Code string

	// Text explains the problem to a person.
	Text string

	// Parameter is the name of the parameter at fault, or empty.
	Parameter string

	// Others are further problems of the same request.
	Others []*Problem

	// RetryAfter, if positive, is the delay after which the client may retry.
	RetryAfter time.Duration

	// Cause is the underlying error, or nil.
	Cause error

	// Reason is why a limit refused the request, or empty.
	Reason Reason

	// DataFault means that the data do not fit the request. It is logged as a warning,
	// whatever the status: the server did not fail.
	DataFault bool
}

func (p *Problem) Error() string { return p.Text }
func (p *Problem) Unwrap() error { return p.Cause }

// Invalid returns a problem of status 400 with a parameter; an empty name means
// the request as a whole.
func Invalid(parameter, format string, args ...any) *Problem {
	return badRequest("invalid", parameter, fmt.Sprintf(format, args...))
}

// NotSupported returns a problem of status 400 with a parameter, or a value of
// it, that is valid but not supported.
func NotSupported(parameter, format string, args ...any) *Problem {
	return badRequest("not-supported", parameter, fmt.Sprintf(format, args...))
}

// Missing returns a problem of status 400 with a parameter that names something
// that does not exist.
func Missing(parameter, format string, args ...any) *Problem {
	return badRequest("not-found", parameter, fmt.Sprintf(format, args...))
}

// Required returns a problem of status 400 with a parameter that is missing; an empty
// name means something else that the request lacks.
func Required(parameter, text string) *Problem { return badRequest("required", parameter, text) }

// Unprocessable returns a problem of status 422: a resource in a request, or one that it
// refers to, breaks a rule. expression is its position.
func Unprocessable(expression, text string) *Problem {
	return &Problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Parameter: Shorten(expression), Text: text}
}

// TooMany returns the problem of a parameter with more than limit values of a kind.
func TooMany(parameter string, limit int, kind string) *Problem {
	return badRequest("too-costly", parameter, fmt.Sprintf("the request has more than %d %s", limit, kind))
}

func badRequest(code, parameter, text string) *Problem {
	return &Problem{Status: http.StatusBadRequest, Code: code, Parameter: Shorten(parameter), Text: text}
}

// NotFound returns a problem of status 404.
func NotFound(text string) *Problem {
	return &Problem{Status: http.StatusNotFound, Code: "not-found", Text: text}
}

// NoTableText explains a catalog.ErrNoTable. It mentions a relation that has the
// name of the type but does not hold resources.
func NoTableText(resourceType string, err error) string {
	text := "there is no table of the resource type " + resourceType
	var unreadable *catalog.UnreadableError
	if errors.As(err, &unreadable) {
		text += ": " + unreadable.Error()
	}
	return text
}

// Forbidden returns a problem of status 403.
func Forbidden(parameter, text string) *Problem {
	return &Problem{Status: http.StatusForbidden, Code: "forbidden", Parameter: parameter, Text: text}
}

// Unauthorized returns a problem of status 401.
func Unauthorized() *Problem {
	return &Problem{Status: http.StatusUnauthorized, Code: "login", Text: "authentication required: client id and secret (HTTP Basic) or a valid access token"}
}

// Throttled returns a problem of status 429.
func Throttled(reason Reason, text string, retryAfter time.Duration) *Problem {
	return &Problem{Status: http.StatusTooManyRequests, Code: "throttled", Text: text, RetryAfter: retryAfter, Reason: reason}
}

// UpgradeRequired returns the problem of an HTTP/1.0 request for a response of
// unknown length: HTTP/1.0 ends one by closing the connection, so a truncated
// response would look complete.
func UpgradeRequired() *Problem {
	return &Problem{
		Status: http.StatusUpgradeRequired, Code: "not-supported",
		Text: "HTTP/1.1 required: HTTP/1.0 cannot distinguish a truncated response from a complete one",
	}
}

// Internal returns a problem of status 500 whose cause is only logged.
func Internal(cause error) *Problem { return failed("internal error; see the server log", cause) }

func failed(text string, cause error) *Problem {
	return &Problem{Status: http.StatusInternalServerError, Code: "exception", Text: text, Cause: cause}
}

// SQLSTATEs (PostgreSQL documentation, appendix A).
const (
	characterNotInRepertoire = "22021"
	untranslatableCharacter  = "22P05"
)

// unavailableRetry is the delay after which a client may retry a request that
// failed temporarily.
const unavailableRetry = 10 * time.Second

// Unavailable returns the problem of a failure of a database or the object store.
// Only a failure that a retry may overcome is transient: a bulk client retries
// after one and does not regard its export as failed (Bulk Data 3.0.0, "Response -
// Error Status").
func Unavailable(cause error) *Problem {
	if errors.Is(cause, source.ErrInTheWay) {
		return transient("the table is being altered; retry later", cause)
	}
	var pgErr *pgconn.PgError
	var encoding *json.MarshalerError
	var unreadable *catalog.UnreadableError
	var column *catalog.ColumnError
	switch {
	case errors.As(cause, &unreadable):
		return failed(unreadable.Error(), cause)
	case errors.As(cause, &column):
		return failed(column.Error(), cause)
	case source.IsRowSecurityError(cause):
		return failed(source.RowSecurityText, cause)
	// Only a request can contain characters that PostgreSQL refuses: stored data is text.
	case errors.As(cause, &pgErr) && pgErr.Code == characterNotInRepertoire:
		return Invalid("", "the request contains a character that cannot be stored, such as NUL")
	case errors.As(cause, &pgErr) && pgErr.Code == untranslatableCharacter:
		return Invalid("", "the encoding of the database lacks characters that the request needs; searching strings requires UTF8")
	case errors.As(cause, &encoding):
		return Internal(cause)
	case source.IsPermanent(cause):
		return failed("the server cannot process its data; see the server log", cause)
	}
	return transient("the server cannot access its data at the moment; see the server log", cause)
}

func transient(text string, cause error) *Problem {
	return &Problem{Status: http.StatusServiceUnavailable, Code: "transient", Text: text, RetryAfter: unavailableRetry, Cause: cause}
}

// Outcome returns the problem as the client reads it.
func (p *Problem) Outcome() fhir.OperationOutcome {
	issues := []fhir.OutcomeIssue{p.issue()}
	for _, other := range p.Others {
		issues = append(issues, other.issue())
	}
	return fhir.NewOutcome(issues...)
}

func (p *Problem) issue() fhir.OutcomeIssue {
	issue := fhir.OutcomeIssue{Severity: "error", Code: p.Code, Diagnostics: p.Text}
	if p.Parameter != "" {
		issue.Expression = []string{p.Parameter}
	}
	return issue
}

// Describe returns the text of an error for the log: its cause, which the client
// does not see, and of a problem with a parameter only the code, since its text
// quotes the query.
func Describe(err error) string {
	var p *Problem
	switch {
	case !errors.As(err, &p):
		return err.Error()
	case p.Parameter != "":
		return p.Code
	case p.Cause != nil:
		return p.Cause.Error()
	}
	return p.Text
}

// IsDataFault reports whether an error is a problem with DataFault.
func IsDataFault(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.DataFault
}

// maxText bounds text of a request that is logged or repeated to the client.
const maxText = 256

// Shorten truncates text of a request to 256 bytes.
func Shorten(text string) string { return text[:min(len(text), maxText)] }

// Quote returns a value of a request in quotes, escaped and truncated.
func Quote(value string) string {
	const limit = 100
	if len(value) > limit {
		value = value[:limit] + "…"
	}
	return strconv.Quote(value)
}
