package api

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/jobs"
)

// parameters are those of a query, or of the body of a POST. Each reader takes
// its own; what is left at the end is unknown.
type parameters struct {
	values url.Values
	taken  []string

	// base is the URL of this server's resources, without a slash at the end.
	base string

	// lenient carries on without what is not supported, as the client prefers
	// it, and warnings says what that was.
	lenient  bool
	warnings []jobs.Warning

	// problems are what the request is refused for, all in one answer.
	problems []*problem
}

func readParameters(c *gin.Context) (*parameters, error) {
	values, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return nil, invalid("", "the query can't be read: it is not percent-encoded as a URL wants it")
	}
	return &parameters{values: values}, nil
}

// maxValues bounds the values of all parameters of a kick-off together: ten
// thousand patients have room, and what is done for each costs no more than a
// second.
const maxValues = 20_000

// checkCount refuses a request with more values than that.
func (p *parameters) checkCount(most int) error {
	count := 0
	for name, values := range p.values {
		for _, value := range values {
			count += 1 + strings.Count(value, ",")
		}
		if count > most {
			return tooMany(name, most, "values")
		}
	}
	return nil
}

func tooMany(parameter string, most int, of string) *problem {
	refused := invalid(parameter, "the request has more than %d %s", most, of)
	refused.code = "too-costly"
	return refused
}

// refuse records why the request is to be refused, so that a client learns of all
// its problems at once. An error that is not the request's is returned.
func (p *parameters) refuse(err error) error {
	var refused *problem
	if err == nil || !errors.As(err, &refused) || refused.status >= http.StatusInternalServerError {
		return err
	}
	if len(p.problems) < maxWarnings {
		p.problems = append(p.problems, refused)
	}
	return nil
}

// forgive records what a lenient client does not get and lets its request go on;
// for others it is refuse. It is for what is unknown or unsupported. A value that
// makes no sense, such as a month 13, is refused in any case: to go on without it
// could give a client far more than it wants.
func (p *parameters) forgive(err error) error {
	var refused *problem
	if !p.lenient || !errors.As(err, &refused) || refused.status >= http.StatusInternalServerError {
		return p.refuse(err)
	}
	switch n := len(p.warnings); {
	case n < maxWarnings:
		p.warnings = append(p.warnings, jobs.Warning{Code: refused.code, Parameter: refused.parameter, Text: refused.text})
	case n == maxWarnings:
		p.warnings = append(p.warnings, jobs.Warning{Code: refused.code, Text: "more of the request was carried on without than is told here"})
	}
	return nil
}

// verdict returns the recorded problems as one, or nil.
func (p *parameters) verdict() error {
	if len(p.problems) == 0 {
		return nil
	}
	first := *p.problems[0]
	first.others = p.problems[1:]
	for _, other := range first.others {
		if other.status == http.StatusBadRequest { // syntax before rights and existence
			first.status = other.status
		}
	}
	return &first
}

// maxWarnings is more than anybody reads.
const maxWarnings = 100

// one returns the value of a parameter that may stand once. ok is false without
// it, and where it is refused.
func (p *parameters) one(name string) (value string, ok bool) {
	p.taken = append(p.taken, name)
	values := p.values[name]
	if len(values) > 1 {
		_ = p.refuse(invalid(name, "%s is given %d times", name, len(values)))
	}
	if len(values) != 1 {
		return "", false
	}
	return values[0], true
}

// list returns the values of a parameter that may be repeated or hold a comma
// list, which is the same (Bulk Data 3.0.0, "Query Parameters"). ok tells
// whether it was given at all.
func (p *parameters) list(name string) (values []string, ok bool) {
	p.taken = append(p.taken, name)
	for _, value := range p.values[name] {
		values = append(values, strings.Split(value, ",")...)
	}
	return values, len(p.values[name]) > 0
}

// repeated returns the values of a parameter that may be repeated, each as a
// whole: a comma in one is for its own reader.
func (p *parameters) repeated(name string) []string {
	p.taken = append(p.taken, name)
	return p.values[name]
}

// size returns a parameter that is a number of bytes, and zero without it.
func (p *parameters) size(name string, least int64) int64 {
	value, ok := p.one(name)
	if !ok {
		return 0
	}
	bytes, err := strconv.ParseInt(value, 10, 64)
	if err != nil || bytes < least {
		_ = p.refuse(invalid(name, "%s must be a number of bytes, at least %d, got %s", name, least, quote(value)))
		return 0
	}
	return bytes
}

// boolean returns a parameter that is true or false, and false without it.
func (p *parameters) boolean(name string) bool {
	value, ok := p.one(name)
	if ok && value != "true" && value != "false" {
		_ = p.refuse(invalid(name, "%s is true or false, not %s", name, quote(value)))
	}
	return value == "true"
}

// time returns a parameter that is a point in time, and the zero time without it.
func (p *parameters) time(name string) time.Time {
	value, ok := p.one(name)
	if !ok {
		return time.Time{}
	}
	at, ok := parseTime(value)
	if !ok {
		_ = p.refuse(invalid(name, "%s is a date or a time such as 2024, 2024-05, 2024-05-31 or 2024-05-31T10:00:00Z, not %s", name, quote(value)))
	}
	return at
}

// maxAhead is how far a client's clock may be ahead of ours.
const maxAhead = 5 * time.Minute

// since returns the parameter _since. What changes after a time to come cannot be
// told yet: the answer would be empty, and look like one of no changes.
func (p *parameters) since() time.Time {
	const name = "_since"
	at := p.time(name)
	if now := time.Now().UTC(); at.After(now.Add(maxAhead)) {
		_ = p.refuse(invalid(name, "%s must not be in the future, got %s at %s", name, at.Format(time.RFC3339), now.Format(time.RFC3339)))
	}
	return at
}

// end refuses parameters that nobody has taken, unless they are forgiven, and
// returns what the request is refused for.
func (p *parameters) end() error {
	names := make([]string, 0, len(p.values))
	for name := range p.values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains(p.taken, name) {
			_ = p.forgive(p.unknown(name))
		}
	}
	return p.verdict()
}

// unknown refuses a parameter that nobody has taken.
func (p *parameters) unknown(name string) *problem {
	return invalid(name, "there is no parameter %s here; there are %s", quote(name), strings.Join(p.taken, ", "))
}

// quote shows a value from outside, made harmless and not too long.
func quote(value string) string {
	const enough = 100
	if len(value) > enough {
		value = value[:enough] + "…"
	}
	return strconv.Quote(value)
}

// storable tells whether PostgreSQL can hold a text from outside: it refuses
// others, which is no failure of its own.
func storable(text string) bool {
	return utf8.ValidString(text) && !strings.Contains(text, "\x00")
}
