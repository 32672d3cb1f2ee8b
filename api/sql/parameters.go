package sql

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
)

const (
	// maxValues bounds the values of all parameters of a request together: checking ten
	// thousand patients takes less than a second.
	maxValues = 20_000

	// maxSubjects bounds the views of an export.
	maxSubjects = 100
)

// The parameters that name a subject.
const (
	subjectParameter = "subject"
	byCanonical      = "subjectCanonical"
	byReference      = "subjectReference"
	byResource       = "subjectResource"
)

// olderNames are the names of parameters of the older operations ($viewdefinition-run,
// $viewdefinition-export), which take the current names, too.
var olderNames = map[string]string{"view": subjectParameter, "viewReference": byReference, "viewResource": byResource}

// refused is a parameter of the specification that an operation does not take.
type refused struct{ name, code, reason string }

var (
	onlyForSQL = "is for SQL queries; a view has none"

	refusedByRun = []refused{
		{"parameters", "invalid", onlyForSQL},
		{"context", "invalid", onlyForSQL},
		{"resource", "not-supported", "is not supported: views read the resources of the database"},
		{"source", "not-supported", "is not supported: views read the resources of the database"},
	}
	refusedByExport = []refused{
		{"parameters", "invalid", onlyForSQL},
		{"context", "invalid", onlyForSQL},
		{"resource", "invalid", "is not a parameter of $sql-export"},
		{"_limit", "invalid", "is not a parameter of $sql-export"},
		{"source", "not-supported", "is not supported: views read the resources of the database"},
	}
)

// checker checks a request of an operation. It records the problems that it finds and
// continues, so that one response lists all of them.
type checker struct {
	views  *Views
	call   *endpoint.Call
	params *endpoint.Parameters

	// resources are the parameters of the body that consist of parts or a resource, in
	// order: subject, subjectResource.
	resources []endpoint.BodyParameter

	// names are the names of parameters that a request of an older operation has in
	// place of the current ones, for problems.
	names map[string]string

	// viewBytes is the size of the ViewDefinitions so far.
	viewBytes int

	selection
}

// newChecker reads the parameters of a request from the query and, of a POST, from the
// body. older means that the operation is an older one.
func (v *Views) newChecker(call *endpoint.Call, older bool, refuses []refused) (*checker, error) {
	params, err := endpoint.QueryParameters(call.Context)
	if err != nil {
		return nil, err
	}
	params.Base = call.FHIRBase()
	c := &checker{views: v, call: call, params: params}
	if older {
		c.names = map[string]string{}
		for name, current := range olderNames {
			c.names[current] = name
		}
	}
	for _, name := range c.bothNames(subjectParameter, byResource) {
		if params.Values.Has(name) {
			_ = params.Refuse(problem.Invalid(name, "%s requires POST with a Parameters resource", name))
			params.Values.Del(name)
		}
	}
	if call.Request.Method == http.MethodPost {
		if err := c.readBody(refuses); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(params.Values)) {
		if current := c.current(name); current != name {
			params.Values[current] = append(params.Values[current], params.Values[name]...)
			params.Values.Del(name)
		}
	}
	if err := params.CheckCount(maxValues); err != nil {
		return nil, err
	}
	for _, r := range refuses {
		if params.Values.Has(r.name) {
			_ = params.Refuse(&problem.Problem{Status: http.StatusBadRequest, Code: r.code, Parameter: r.name, Text: r.name + " " + r.reason})
			params.Values.Del(r.name)
		}
	}
	return c, nil
}

// readBody adds the parameters of the body.
func (c *checker) readBody(refuses []refused) error {
	body, release, err := c.views.config.Bodies.Read(c.call)
	if err != nil {
		return err
	}
	defer release()
	parameters, err := endpoint.ParseParameters(body)
	if err != nil {
		return err
	}
	for i, parameter := range parameters {
		switch current := c.current(parameter.Name); {
		case current == subjectParameter, current == byResource:
			c.resources = append(c.resources, c.renamed(parameter))
		case slices.ContainsFunc(refuses, func(r refused) bool { return r.name == parameter.Name }):
			c.params.Values.Add(parameter.Name, "") // whatever it contains
		default:
			c.params.Add(i, parameter)
		}
	}
	return nil
}

// current returns the current name of a parameter and records which one the request has.
func (c *checker) current(name string) string {
	if c.names == nil {
		return name
	}
	if current, ok := olderNames[name]; ok {
		c.names[current] = name
		return current
	}
	if _, ok := c.names[name]; ok {
		c.names[name] = name
	}
	return name
}

// renamed returns a parameter with the current names.
func (c *checker) renamed(parameter endpoint.BodyParameter) endpoint.BodyParameter {
	parameter.Name = c.current(parameter.Name)
	for i, part := range parameter.Parts {
		parameter.Parts[i] = c.renamed(part)
	}
	return parameter
}

// named returns the name of a parameter, or of a part, in the request.
func (c *checker) named(current string) string { return cmp.Or(c.names[current], current) }

// bothNames returns the names of parameters, of an older operation also the older ones.
func (c *checker) bothNames(current ...string) []string {
	all := slices.Clone(current)
	for _, name := range slices.Sorted(maps.Keys(olderNames)) {
		if c.names != nil && slices.Contains(current, olderNames[name]) {
			all = append(all, name)
		}
	}
	return all
}

// forms lists the parameters that name a subject for a sentence.
func (c *checker) forms(conjunction string) string {
	return fmt.Sprintf("%s, %s %s %s", byCanonical, c.named(byReference), conjunction, c.named(byResource))
}

// verdict returns the recorded problems as one error, or nil. A view that was not found
// takes precedence over anything else (SQL on FHIR, "Common Operation Behavior").
func (c *checker) verdict() error {
	return c.params.VerdictBy(http.StatusNotFound, http.StatusBadRequest, http.StatusUnprocessableEntity)
}

// repetition returns the expression of a repetition of subject, from 0.
func (c *checker) repetition(i int) string {
	return fmt.Sprintf("%s[%d]", c.named(subjectParameter), i)
}
