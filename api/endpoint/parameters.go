package endpoint

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/jobs"
)

// MaxWarnings limits the warnings and the problems that are reported for a request.
const MaxWarnings = 100

// Parameters are the parameters of a query, or of the body of a POST. Each is read
// by name; Finish refuses those that were not read.
type Parameters struct {
	// Values are the decoded values by name.
	Values url.Values

	// Base is the base URL of the server's FHIR resources, without a trailing
	// slash.
	Base string

	// Lenient makes Forgive record a warning in place of a problem.
	Lenient bool

	// Warnings lists what a lenient request continues without.
	Warnings []jobs.Warning

	read     []string
	problems []*problem.Problem // at most MaxWarnings
	statuses []int              // distinct, of all problems
}

// QueryParameters returns the parameters of the query.
func QueryParameters(c *gin.Context) (*Parameters, error) {
	values, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return nil, problem.Invalid("", "malformed query string: invalid percent-encoding")
	}
	return &Parameters{Values: values}, nil
}

// Add adds a parameter of a body, the one at index i.
func (p *Parameters) Add(i int, parameter BodyParameter) {
	if parameter.Name == "" {
		_ = p.Refuse(problem.Invalid("", "parameter %d of the body has no name", i+1))
		return
	}
	value, err := parameter.Value(parameter.Name)
	if err != nil {
		_ = p.Refuse(err)
		return
	}
	p.Values.Add(parameter.Name, value)
}

// CheckCount refuses a request with more values than limit, over all parameters.
func (p *Parameters) CheckCount(limit int) error {
	count := 0
	for name, values := range p.Values {
		for _, value := range values {
			count += 1 + strings.Count(value, ",")
		}
		if count > limit {
			return problem.TooMany(name, limit, "values")
		}
	}
	return nil
}

// Refuse records a problem of the request, so that the client is told all of them
// in one response. It returns any other error.
func (p *Parameters) Refuse(err error) error {
	var refused *problem.Problem
	if err == nil || !errors.As(err, &refused) || refused.Status >= http.StatusInternalServerError {
		return err
	}
	if !slices.Contains(p.statuses, refused.Status) {
		p.statuses = append(p.statuses, refused.Status)
	}
	if len(p.problems) < MaxWarnings {
		p.problems = append(p.problems, refused)
	}
	return nil
}

// Forgive records a problem of a lenient request as a warning; for other requests
// it is Refuse. It is for what is unknown or not supported. A value that is wrong,
// such as month 13, is refused in any case: without it the client could get far
// more than it asked for.
func (p *Parameters) Forgive(err error) error {
	var refused *problem.Problem
	if !p.Lenient || !errors.As(err, &refused) || refused.Status >= http.StatusInternalServerError {
		return p.Refuse(err)
	}
	switch n := len(p.Warnings); {
	case n < MaxWarnings:
		p.Warnings = append(p.Warnings, jobs.Warning{Code: refused.Code, Parameter: refused.Parameter, Text: refused.Text})
	case n == MaxWarnings:
		p.Warnings = append(p.Warnings, jobs.Warning{Code: refused.Code, Text: "further warnings are omitted"})
	}
	return nil
}

// Refused reports whether a problem was recorded.
func (p *Parameters) Refused() bool { return len(p.problems) > 0 }

// Verdict returns the recorded problems as one error, or nil. Its status is 400
// if any of them has that: syntax takes precedence over permission and existence.
func (p *Parameters) Verdict() error { return p.VerdictBy(http.StatusBadRequest) }

// VerdictBy is Verdict with the first of the statuses that any of the problems has,
// also if it is not reported.
func (p *Parameters) VerdictBy(statuses ...int) error {
	if len(p.problems) == 0 {
		return nil
	}
	first := *p.problems[0]
	first.Others = p.problems[1:]
	for _, status := range statuses {
		if slices.Contains(p.statuses, status) {
			first.Status = status
			break
		}
	}
	return &first
}

// MarkRead marks a parameter as read.
func (p *Parameters) MarkRead(name string) { p.read = append(p.read, name) }

// One returns the value of a parameter that must not be repeated. ok is false if it
// is missing or refused.
func (p *Parameters) One(name string) (value string, ok bool) {
	p.MarkRead(name)
	values := p.Values[name]
	if len(values) > 1 {
		_ = p.Refuse(problem.Invalid(name, "%s must be given once, got %d values", name, len(values)))
	}
	if len(values) != 1 {
		return "", false
	}
	return values[0], true
}

// List returns the values of a parameter that may be repeated or hold a
// comma-separated list, which is equivalent (Bulk Data 3.0.0, "Query Parameters").
// ok reports whether it is present.
func (p *Parameters) List(name string) (values []string, ok bool) {
	p.MarkRead(name)
	for _, value := range p.Values[name] {
		values = append(values, strings.Split(value, ",")...)
	}
	return values, len(p.Values[name]) > 0
}

// Repeated returns the values of a parameter that may be repeated. Commas in them
// have no meaning.
func (p *Parameters) Repeated(name string) []string {
	p.MarkRead(name)
	return p.Values[name]
}

// Size returns a parameter that is a number of bytes, or 0 if it is missing.
func (p *Parameters) Size(name string, minimum int64) int64 {
	value, ok := p.One(name)
	if !ok {
		return 0
	}
	bytes, err := strconv.ParseInt(value, 10, 64)
	if err != nil || bytes < minimum {
		_ = p.Refuse(problem.Invalid(name, "%s must be a number of bytes, at least %d, got %s", name, minimum, problem.Quote(value)))
		return 0
	}
	return bytes
}

// Boolean returns a parameter that is true or false, or false if it is missing.
func (p *Parameters) Boolean(name string) bool {
	value, ok := p.One(name)
	if ok && value != "true" && value != "false" {
		_ = p.Refuse(problem.Invalid(name, "%s must be true or false, got %s", name, problem.Quote(value)))
	}
	return value == "true"
}

// Time returns a parameter that is a point in time, or the zero time if it is
// missing.
func (p *Parameters) Time(name string) time.Time {
	value, ok := p.One(name)
	if !ok {
		return time.Time{}
	}
	at, ok := ParseTime(value)
	if !ok {
		_ = p.Refuse(problem.Invalid(name, "%s must be a date or a time such as 2024, 2024-05, 2024-05-31 or 2024-05-31T10:00:00Z, got %s", name, problem.Quote(value)))
	}
	return at
}

// maxClockSkew is how far a client's clock may be ahead.
const maxClockSkew = 5 * time.Minute

// Since returns the parameter _since. A time in the future is refused: the empty
// result would look like one without changes.
func (p *Parameters) Since() time.Time {
	const name = "_since"
	at := p.Time(name)
	if now := time.Now().UTC(); at.After(now.Add(maxClockSkew)) {
		_ = p.Refuse(problem.Invalid(name, "%s must not be in the future, got %s at %s", name, at.Format(time.RFC3339), now.Format(time.RFC3339)))
	}
	return at
}

// Finish refuses the parameters that were not read, unless they are forgiven, and
// returns the verdict.
func (p *Parameters) Finish() error {
	p.RefuseUnread()
	return p.Verdict()
}

// RefuseUnread records the parameters that were not read as problems.
func (p *Parameters) RefuseUnread() {
	for _, name := range slices.Sorted(maps.Keys(p.Values)) {
		if !slices.Contains(p.read, name) {
			_ = p.Forgive(problem.Invalid(name, "unknown parameter %s; supported: %s", problem.Quote(name), strings.Join(p.read, ", ")))
		}
	}
}

// Storable reports whether PostgreSQL can store a text of a request.
func Storable(text string) bool {
	return utf8.ValidString(text) && !strings.Contains(text, "\x00")
}
