package sql

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/view/store"
)

const (
	// defaultCount and maxCount are the ViewDefinitions per page.
	defaultCount = 20
	maxCount     = 100

	// maxPageBytes is the size of ViewDefinitions at which a page ends.
	maxPageBytes = 1 << 20
)

// Search answers GET /fhir/ViewDefinition. Pages are ordered by id.
func (v *Views) Search(call *endpoint.Call) error {
	if err := endpoint.AcceptsJSON(call.Context); err != nil {
		return err
	}
	params, err := endpoint.QueryParameters(call.Context)
	if err != nil {
		return err
	}
	query := parseSearch(params)
	if err := params.Finish(); err != nil {
		return err
	}
	if err := requireViews(call, auth.Search); err != nil {
		return err
	}
	found, more, err := v.config.Definitions.Search(call.Ctx(), query)
	if err != nil {
		return problem.Unavailable(err)
	}
	bundle, err := searchset(call.BaseURL+Path, params.Values, found, more)
	if err != nil {
		return problem.Internal(err)
	}
	call.Event.Resources = int64(len(found))
	call.RecordStart()
	endpoint.WriteJSON(call.Context, http.StatusOK, endpoint.ContentTypeFHIR, bundle)
	return nil
}

// parseSearch parses a search. A url may end with |version.
func parseSearch(params *endpoint.Parameters) store.Query {
	q := store.Query{Limit: defaultCount, Bytes: maxPageBytes}
	if value, ok := params.One("_count"); ok {
		count, err := strconv.Atoi(value)
		if err != nil || count < 1 {
			_ = params.Refuse(problem.Invalid("_count", "_count must be a number, at least 1, got %s", problem.Quote(value)))
		}
		q.Limit = min(count, maxCount)
	}
	endpoint.ReadFormat(params)
	for _, criterion := range []struct {
		name  string
		value *string
	}{
		{"_id", &q.ID},
		{"_after", &q.After},
		{"url", &q.URL},
		{"version", &q.Version},
		{"name", &q.NamePrefix},
		{"name:exact", &q.Name},
		{"name:contains", &q.NamePart},
	} {
		value, ok := params.One(criterion.name)
		if ok && (value == "" || !endpoint.Storable(value)) {
			_ = params.Refuse(problem.Invalid(criterion.name, "%s must not be empty", criterion.name))
		}
		*criterion.value = value
	}
	if address, version, found := strings.Cut(q.URL, "|"); found {
		q.URL, q.Version = address, cmp.Or(q.Version, version)
	}
	return q
}

// searchset returns a page of ViewDefinitions as a FHIR Bundle. more reports whether another
// page follows.
func searchset(address string, values url.Values, definitions []store.Definition, more bool) (gin.H, error) {
	found := make([]endpoint.Found, len(definitions))
	for i, definition := range definitions {
		resource, err := versioned(definition)
		if err != nil {
			return nil, err
		}
		found[i] = endpoint.Found{ID: definition.ID, Resource: resource}
	}
	self, next := values.Encode(), ""
	if more {
		values.Set("_after", definitions[len(definitions)-1].ID)
		next = values.Encode()
	}
	return endpoint.Searchset(address, self, next, found), nil
}
