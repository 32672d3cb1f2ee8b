package sql

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/view"
	"github.com/seed-90096f4d/sluice/view/store"
)

// subject is a view of a request.
type subject struct {
	// expression is the position of the subject in the request, and position the
	// position of the parameter that names it.
	expression, position string

	// name is the name of the output of an export, if the request states it.
	name string

	// form is the parameter that names the subject, text its value and resource the
	// view in it.
	form     string
	text     string
	resource json.RawMessage

	view     *view.View // nil if there is a problem
	document json.RawMessage
	table    catalog.Table
}

// runSubject returns the subject of a $sql-run; nil if there is a problem.
func (c *checker) runSubject() *subject {
	s := &subject{expression: c.named(subjectParameter)}
	c.markRead(byCanonical, byReference, byResource)
	forms := 0
	for _, form := range []string{byCanonical, byReference} {
		values := c.params.Values[form]
		switch {
		case len(values) == 1:
			s.form, s.text = form, values[0]
		case len(values) > 1:
			_ = c.params.Refuse(problem.Invalid(c.named(form), "%s must be given once, got %d values", c.named(form), len(values)))
		}
		if len(values) > 0 {
			forms++
		}
	}
	for i, parameter := range c.resources {
		switch {
		case parameter.Name != byResource:
			_ = c.params.Refuse(problem.Invalid(c.named(parameter.Name), "a run has one subject, named by %s", c.forms("or")))
			return nil
		case i > 0:
			_ = c.params.Refuse(problem.Invalid(c.named(byResource), "%s must be given once", c.named(byResource)))
			return nil
		}
		s.form, s.resource = byResource, parameter.Resource
		forms++
	}
	s.position = c.named(s.form)
	if !c.checkForms(s, forms, "required") || s.form == "" {
		return nil
	}
	return s
}

// markRead marks parameters that the body can have as read.
func (c *checker) markRead(names ...string) {
	for _, name := range c.bothNames(names...) {
		c.params.MarkRead(name)
	}
}

// checkForms requires that the subject is named once. missing is the code of the problem
// if it is not named.
func (c *checker) checkForms(s *subject, forms int, missing string) bool {
	if forms == 1 {
		return true
	}
	code, text := "invalid", "a subject must be named by one of "+c.forms("and")+", got several"
	if forms == 0 {
		code, text = missing, "a subject is required, named by "+c.forms("or")
	}
	_ = c.params.Refuse(&problem.Problem{Status: http.StatusBadRequest, Code: code, Parameter: s.expression, Text: text})
	return false
}

// exportSubjects returns the subjects of a $sql-export, without those that have a
// problem.
func (c *checker) exportSubjects() (subjects []*subject) {
	c.markRead(subjectParameter)
	count := 0
	for _, parameter := range c.resources {
		if parameter.Name != subjectParameter {
			name := c.named(parameter.Name)
			_ = c.params.Refuse(problem.Invalid(name, "%s must be a part of %s", name, c.named(subjectParameter)))
			continue
		}
		if count++; count > maxSubjects {
			_ = c.params.Refuse(problem.TooMany(c.named(subjectParameter), maxSubjects, "subjects"))
			return nil
		}
		if s := c.parseSubject(c.repetition(count-1), parameter.Parts); s != nil {
			subjects = append(subjects, s)
		}
	}
	if count == 0 {
		_ = c.params.Refuse(problem.Required(c.named(subjectParameter), "a subject is required: a part with "+c.forms("or")))
	}
	return subjects
}

// parseSubject parses a repetition of subject; nil if its view cannot be found because of
// a problem.
func (c *checker) parseSubject(expression string, parts []endpoint.BodyParameter) *subject {
	s := &subject{expression: expression}
	seen := map[string]bool{}
	forms := 0
	for _, part := range parts {
		if part.Name == "" {
			_ = c.params.Refuse(problem.Invalid(expression, "a part of %s has no name", expression))
			continue
		}
		name := c.named(part.Name)
		position := expression + "." + name
		if seen[part.Name] {
			_ = c.params.Refuse(problem.Invalid(position, "%s must be given once", problem.Quote(name)))
			continue
		}
		seen[part.Name] = true
		if part.Name == byCanonical || part.Name == byReference || part.Name == byResource {
			forms++
		}
		_ = c.params.Refuse(s.set(part, position))
	}
	if !c.checkForms(s, forms, "invalid") || s.form == "" {
		return nil
	}
	return s
}

// set sets what a part of a repetition of subject states.
func (s *subject) set(part endpoint.BodyParameter, position string) error {
	switch part.Name {
	case "name":
		name, err := part.Value(position)
		if err != nil {
			return err
		}
		if name == "" || len(name) > maxNameBytes || !endpoint.Storable(name) {
			return problem.Invalid(position, "name must be 1 to %d bytes of text", maxNameBytes)
		}
		s.name = name
		return nil
	case byCanonical, byReference:
		text, err := part.Value(position)
		if err != nil {
			return err
		}
		s.form, s.position, s.text = part.Name, position, text
		return nil
	case byResource:
		s.form, s.position, s.resource = part.Name, position, part.Resource
		return nil
	case "parameters":
		return problem.Invalid(position, "parameters %s", onlyForSQL)
	}
	return problem.Invalid(position, "unknown part %s of subject", problem.Quote(part.Name))
}

// resolve finds and checks the view of a subject, and that the client may read its
// resources. The view stays nil if there is a problem. Any other error is returned, and
// that the views are too large together: no further one is read then.
func (c *checker) resolve(s *subject) error {
	document, err := c.document(s)
	if err != nil {
		return c.params.Refuse(err)
	}
	if c.viewBytes += len(document); c.viewBytes > maxViewsBytes {
		return problem.TooMany(c.named(subjectParameter), maxViewsBytes, "bytes of ViewDefinitions")
	}
	parsed, err := view.Parse(document, fhir.R4())
	if err != nil {
		return c.refuseInvalid(s.position, err)
	}
	if err := c.views.config.Types.Allow(c.call.Client, s.position, parsed.Resource); err != nil {
		return c.params.Refuse(err)
	}
	if c.isRestricted() && !search.InCompartment(parsed.Resource) {
		return c.params.Refuse(problem.Invalid(s.expression, "the view reads %s, which is not in the patient compartment: it cannot be restricted by patient or group", parsed.Resource))
	}
	s.table, err = c.views.config.Source.Table(c.call.Ctx(), parsed.Resource)
	if errors.Is(err, catalog.ErrNoTable) {
		return c.params.Refuse(problem.Missing(s.expression, "%s", problem.NoTableText(parsed.Resource, err)))
	}
	if err != nil {
		return problem.Unavailable(err)
	}
	s.view, s.document = parsed, document
	return nil
}

// refuseInvalid records the findings of a ViewDefinition at a position of the request.
func (c *checker) refuseInvalid(position string, err error) error {
	var invalid *view.InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	for _, finding := range invalid.Findings {
		_ = c.params.Refuse(problem.Unprocessable(position, describe(finding)))
	}
	return nil
}

// describe returns a finding with its position in the view.
func describe(finding view.Finding) string {
	if finding.Path == "" {
		return finding.Text
	}
	return finding.Path + ": " + finding.Text
}

// document returns the ViewDefinition that a subject names.
func (c *checker) document(s *subject) (json.RawMessage, error) {
	if s.form == byResource {
		if len(s.resource) == 0 {
			return nil, problem.Invalid(s.position, "%s must contain a resource", c.named(byResource))
		}
		return s.resource, checkSize(s.position, s.resource)
	}
	if !endpoint.Storable(s.text) || s.text == "" {
		return nil, problem.Invalid(s.position, "%s must not be empty", c.named(s.form))
	}
	if err := allowViews(c.call.Client, s.position, auth.Read); err != nil {
		return nil, err
	}
	found, err := store.Definition{}, store.ErrNotFound
	if s.form == byCanonical {
		found, err = c.views.config.Definitions.Resolve(c.call.Ctx(), s.text)
	} else if id, ok := endpoint.LocalID(c.params.Base, auth.ViewDefinition, s.text); ok { // of this server
		found, err = c.views.config.Definitions.Get(c.call.Ctx(), id)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, &problem.Problem{Status: http.StatusNotFound, Code: "not-found", Parameter: s.position, Text: "there is no ViewDefinition " + problem.Quote(s.text)}
	}
	if err != nil {
		return nil, problem.Unavailable(err)
	}
	return found.Document, nil
}

// allowViews refuses a client that lacks a right to ViewDefinitions. parameter is the name
// of the parameter that needs it, or empty.
func allowViews(client auth.Client, parameter string, want auth.Rights) error {
	if client.Scopes.AllowsViews(want) {
		return nil
	}
	return problem.Forbidden(parameter, "the client's scopes do not cover this interaction with "+auth.ViewDefinition)
}

// allow refuses a client that may not receive the rows of the subjects: the check that
// is repeated while a response is sent.
func (c *checker) allow(client auth.Client, subjects ...*subject) error {
	if err := endpoint.AllowGroup(client, c.group); err != nil {
		return err
	}
	for _, s := range subjects {
		if err := c.views.config.Types.Allow(client, "", s.view.Resource); err != nil {
			return err
		}
		if s.form == byResource {
			continue
		}
		if err := allowViews(client, "", auth.Read); err != nil {
			return err
		}
	}
	return nil
}
