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

// forgive notes what a lenient client did not get and lets its request go on;
// for others the error stays one. It is for what is unknown or unsupported. A
// value that makes no sense, such as a month 13, is refused in any case: to go
// on without it could give a client far more than it wants.
func (p *parameters) forgive(err error) error {
	var refused *problem
	if !p.lenient || !errors.As(err, &refused) || refused.status >= http.StatusInternalServerError {
		return err
	}
	switch n := len(p.warnings); {
	case n < maxWarnings:
		p.warnings = append(p.warnings, jobs.Warning{Code: refused.code, Parameter: refused.parameter, Text: refused.text})
	case n == maxWarnings:
		p.warnings = append(p.warnings, jobs.Warning{Code: refused.code, Text: "more of the request was carried on without than is told here"})
	}
	return nil
}

// maxWarnings is more than anybody reads.
const maxWarnings = 100

// one returns the value of a parameter that may stand once.
func (p *parameters) one(name string) (value string, ok bool, err error) {
	p.taken = append(p.taken, name)
	switch values := p.values[name]; len(values) {
	case 0:
		return "", false, nil
	case 1:
		return values[0], true, nil
	default:
		return "", false, invalid(name, "%s is given %d times", name, len(values))
	}
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
func (p *parameters) size(name string) (int64, error) {
	value, ok, err := p.one(name)
	if err != nil || !ok {
		return 0, err
	}
	bytes, err := strconv.ParseInt(value, 10, 64)
	if err != nil || bytes <= 0 {
		return 0, invalid(name, "%s is a number of bytes, 1 or more, not %s", name, quote(value))
	}
	return bytes, nil
}

// boolean returns a parameter that is true or false, and false without it.
func (p *parameters) boolean(name string) (bool, error) {
	value, ok, err := p.one(name)
	if err != nil || !ok {
		return false, err
	}
	switch value {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, invalid(name, "%s is true or false, not %s", name, quote(value))
}

// since returns a parameter that is a point in time, and the zero time without
// it.
func (p *parameters) since(name string) (time.Time, error) {
	value, ok, err := p.one(name)
	if err != nil || !ok {
		return time.Time{}, err
	}
	at, ok := parseTime(value)
	if !ok {
		return time.Time{}, invalid(name, "%s is a date or a time such as 2024, 2024-05, 2024-05-31 or 2024-05-31T10:00:00Z, not %s", name, quote(value))
	}
	return at, nil
}

// end refuses parameters that nobody has taken, unless they are forgiven.
func (p *parameters) end() error {
	names := make([]string, 0, len(p.values))
	for name := range p.values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if slices.Contains(p.taken, name) {
			continue
		}
		if err := p.forgive(p.unknown(name)); err != nil {
			return err
		}
	}
	return nil
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
