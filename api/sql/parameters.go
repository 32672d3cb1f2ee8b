package sql

import (
	"fmt"
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
// $viewdefinition-export).
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

	// viewBytes is the size of the ViewDefinitions so far.
	viewBytes int

	selection
}

// newChecker reads the parameters of a request from the query and, of a POST, from the
// body. older renames the parameters of an older operation.
func (v *Views) newChecker(call *endpoint.Call, older bool, refuses []refused) (*checker, error) {
	params, err := endpoint.QueryParameters(call.Context)
	if err != nil {
		return nil, err
	}
	params.Base = call.FHIRBase()
	c := &checker{views: v, call: call, params: params}
	if older {
		for name, values := range params.Values {
			if current, ok := olderNames[name]; ok {
				params.Values[current] = append(params.Values[current], values...)
				params.Values.Del(name)
			}
		}
	}
	for _, name := range []string{subjectParameter, byResource} {
		if params.Values.Has(name) {
			_ = params.Refuse(problem.Invalid(name, "%s requires POST with a Parameters resource", name))
			params.Values.Del(name)
		}
	}
	if call.Request.Method == http.MethodPost {
		if err := c.readBody(older, refuses); err != nil {
			return nil, err
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
func (c *checker) readBody(older bool, refuses []refused) error {
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
		if older {
			parameter = renamed(parameter)
		}
		switch {
		case parameter.Name == subjectParameter, parameter.Name == byResource:
			c.resources = append(c.resources, parameter)
		case slices.ContainsFunc(refuses, func(r refused) bool { return r.name == parameter.Name }):
			c.params.Values.Add(parameter.Name, "") // whatever it contains
		default:
			c.params.Add(i, parameter)
		}
	}
	return nil
}

// renamed returns a parameter of an older operation with the current names.
func renamed(parameter endpoint.BodyParameter) endpoint.BodyParameter {
	if current, ok := olderNames[parameter.Name]; ok {
		parameter.Name = current
	}
	for i, part := range parameter.Parts {
		parameter.Parts[i] = renamed(part)
	}
	return parameter
}

// verdict returns the recorded problems as one error, or nil. A view that was not found
// takes precedence over anything else (SQL on FHIR, "Common Operation Behavior").
func (c *checker) verdict() error {
	return c.params.VerdictBy(http.StatusNotFound, http.StatusBadRequest, http.StatusUnprocessableEntity)
}

// repetition returns the expression of a repetition of subject, from 0.
func repetition(i int) string { return fmt.Sprintf("%s[%d]", subjectParameter, i) }
