package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// problem is an answer that refuses a request or says that it failed. What it
// says goes to the client; the error behind it goes to the log only.
type problem struct {
	status int

	// code is from FHIR's value set issue-type.
	code string

	// text is for humans.
	text string

	// parameter is the name of the one that is wrong.
	parameter string

	// others are further problems of the same request.
	others []*problem

	// retryAfter, if set, is when to try again.
	retryAfter time.Duration

	cause error
}

func (p *problem) Error() string { return p.text }
func (p *problem) Unwrap() error { return p.cause }

func invalid(parameter, format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, code: "invalid", parameter: shorten(parameter), text: fmt.Sprintf(format, args...)}
}

func notFound(text string) *problem {
	return &problem{status: http.StatusNotFound, code: "not-found", text: text}
}

func forbidden(parameter, text string) *problem {
	return &problem{status: http.StatusForbidden, code: "forbidden", parameter: parameter, text: text}
}

func methodNotAllowed() *problem {
	return &problem{status: http.StatusMethodNotAllowed, code: "not-supported", text: "this address does not support this method"}
}

func unauthorized() *problem {
	return &problem{status: http.StatusUnauthorized, code: "login", text: "the id and secret of a client are needed (HTTP Basic), or an access token that is still good"}
}

func throttled(text string, retryAfter time.Duration) *problem {
	return &problem{status: http.StatusTooManyRequests, code: "throttled", text: text, retryAfter: retryAfter}
}

// oldProtocol refuses an answer that needs chunks: HTTP/1.0 ends one by closing
// the connection, so that a dump cut short would look whole.
func oldProtocol(c *gin.Context) *problem {
	c.Header("Connection", "Upgrade")
	c.Header("Upgrade", "HTTP/1.1")
	return &problem{status: http.StatusUpgradeRequired, code: "not-supported", text: "this needs HTTP/1.1: HTTP/1.0 can't tell an answer that was cut short from a whole one"}
}

func internal(cause error) *problem {
	return &problem{status: http.StatusInternalServerError, code: "exception", text: "an internal error; the server's log has the details", cause: cause}
}

// PostgreSQL's SQLSTATEs for characters that no text can have, and for those that the
// encoding of the database lacks. Only a request can bring them: what is stored is text.
const (
	invalidCharacter        = "22021"
	untranslatableCharacter = "22P05"
)

// unavailable answers for a database or object store that could not do what it
// was asked to. Only what may go well at the next attempt is transient: a bulk
// client that is told so asks again and does not take its export for failed (Bulk
// Data 3.0.0, "Response - Error Status").
func unavailable(cause error) *problem {
	if errors.Is(cause, source.ErrInTheWay) {
		return &problem{status: http.StatusServiceUnavailable, code: "transient", text: "the table is being changed; try again", retryAfter: 10 * time.Second, cause: cause}
	}
	var pgErr *pgconn.PgError
	var encoding *json.MarshalerError
	var unreadable *catalog.UnreadableError
	var column *catalog.ColumnError
	switch {
	case errors.As(cause, &unreadable):
		return &problem{status: http.StatusInternalServerError, code: "exception", text: unreadable.Error(), cause: cause}
	case errors.As(cause, &column):
		return &problem{status: http.StatusInternalServerError, code: "exception", text: column.Error(), cause: cause}
	case source.HidesRows(cause):
		return &problem{status: http.StatusInternalServerError, code: "exception", text: source.RowSecurityText, cause: cause}
	case errors.As(cause, &pgErr) && pgErr.Code == invalidCharacter:
		return invalid("", "the request has a character that no text can have, such as a zero byte")
	case errors.As(cause, &pgErr) && pgErr.Code == untranslatableCharacter:
		return invalid("", "the encoding of the database lacks characters that the request needs; searching strings requires UTF8")
	case errors.As(cause, &encoding):
		return internal(cause)
	case source.Permanent(cause):
		return &problem{status: http.StatusInternalServerError, code: "exception", text: "the server can't work with its data as it is; its log has the details", cause: cause}
	}
	return &problem{status: http.StatusServiceUnavailable, code: "transient", text: "the server can't reach its data now; its log has the details", retryAfter: 10 * time.Second, cause: cause}
}

const (
	contentTypeFHIR = "application/fhir+json"
	contentTypeJSON = "application/json"
)

// handle turns a handler that returns an error into one of gin's.
func (a *API) handle(do func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := do(c); err != nil {
			a.refuse(c, err)
		}
	}
}

// refuse answers with the error. An answer that has begun can't be taken back,
// only cut.
func (a *API) refuse(c *gin.Context, err error) {
	_ = c.Error(err) // for the log
	if c.Writer.Written() {
		panic(http.ErrAbortHandler)
	}

	for _, name := range []string{"Accept-Ranges", "Content-Disposition", "Content-Encoding", "Content-Length", "Content-Type", "ETag", "Expires", "X-Export-Status"} {
		c.Header(name, "") // they were for the answer that did not come about
	}
	var p *problem
	if !errors.As(err, &p) {
		p = internal(err)
	}
	if p.status == http.StatusUnauthorized {
		a.challenge(c)
	}
	if p.retryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(seconds(p.retryAfter)))
	}
	a.writeJSON(c, p.status, contentTypeFHIR, p.outcome())
}

// outcome is what the client reads of the problem.
func (p *problem) outcome() fhir.OperationOutcome {
	issues := []fhir.OutcomeIssue{p.issue()}
	for _, other := range p.others {
		issues = append(issues, other.issue())
	}
	return fhir.NewOutcome(issues...)
}

func (p *problem) issue() fhir.OutcomeIssue {
	issue := fhir.OutcomeIssue{Severity: "error", Code: p.code, Diagnostics: p.text}
	if p.parameter != "" {
		issue.Expression = []string{p.parameter}
	}
	return issue
}

// seconds rounds up, so that nobody comes back too early.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// writeJSON answers with a document. Characters such as & stay as they are: no
// HTML is made of it, and links are to be copied.
func (a *API) writeJSON(c *gin.Context, status int, contentType string, document any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		panic(err) // only our own types come here
	}
	if contentType == contentTypeFHIR {
		contentType = fhirType(c)
	}
	c.Data(status, contentType, body.Bytes())
}
