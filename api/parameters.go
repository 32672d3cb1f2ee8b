package api

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// parameters are those of a query. Each reader takes its own; what is left at
// the end is unknown.
type parameters struct {
	values url.Values
	taken  []string
}

func readParameters(c *gin.Context) (*parameters, error) {
	values, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return nil, invalid("", "the query can't be read: it is not percent-encoded as a URL wants it")
	}
	return &parameters{values: values}, nil
}

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

// end refuses parameters that nobody has taken.
func (p *parameters) end() error {
	names := make([]string, 0, len(p.values))
	for name := range p.values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains(p.taken, name) {
			return invalid(name, "there is no parameter %s here; there are %s", quote(name), strings.Join(p.taken, ", "))
		}
	}
	return nil
}

// quote shows a value from outside, made harmless and not too long.
func quote(value string) string {
	const enough = 100
	if len(value) > enough {
		value = value[:enough] + "…"
	}
	return strconv.Quote(value)
}
