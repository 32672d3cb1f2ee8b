package search_test

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-90096f4d/sluice/fhir/search"
)

// holes matches holes of templates, all of which must be filled.
var holes = regexp.MustCompile(`\{[a-z]+\}`)

var placeholders = regexp.MustCompile(`\$(\d+)::`)

// FuzzParse checks that Parse returns an Error or a condition whose placeholders match
// its arguments, and whose SQL contains nothing of the query.
func FuzzParse(f *testing.F) {
	for _, query := range []string{
		"code=http://loinc.org|1&date=ge2020-01-01T00:00:00+02:00,lt1990", "value-quantity=ap1.5e2||mg", "subject:Patient=a&_id:not=b",
		"combo-code-value-quantity=a$1,b\\$c$2", "_lastUpdated=ne2020-02-29T10:00Z", "status:missing=true&code:not=|x", "identifier:of-type=a|b|c",
		"value-string:contains=%C3%84", "_profile:below=http://x", "performer:identifier=|x", "a=b", "%=&&=:",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		filter, err := search.Parse("Observation", query)
		var e *search.Error
		if err != nil {
			if !errors.As(err, &e) || e.Reason == "" {
				t.Fatalf("%q: %v", query, err)
			}
			return
		}
		sql, args := search.Any(filter, filter).Where.Statement()
		used := make(map[int]bool)
		for _, m := range placeholders.FindAllStringSubmatch(sql, -1) {
			n, err := strconv.Atoi(m[1])
			if err != nil || n < 1 || n > len(args) {
				t.Fatalf("%q: no argument %s in %s", query, m[0], sql)
			}
			used[n] = true
		}
		if len(used) != len(args) {
			t.Fatalf("%q: %d of %d arguments are used in %s", query, len(used), len(args), sql)
		}
		if strings.Count(sql, "'")%2 != 0 || strings.ContainsAny(sql, "%") || holes.MatchString(sql) {
			t.Fatalf("%q: %s", query, sql)
		}
	})
}
