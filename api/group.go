package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/sqltext"
)

const (
	groupsPath = "/fhir/Group"

	// defaultGroups and maxGroups are how many Groups a page of a search has,
	// and maxGroupBytes is where it ends before that.
	defaultGroups = 20
	maxGroups     = 100
	maxGroupBytes = 16 << 20

	// maxGroupValues bounds the values of a search: each is looked at for each
	// Group.
	maxGroupValues = 1000

	// groupTimeout bounds the search of Groups.
	groupTimeout = 30 * time.Second
)

// groupElements are those of a Group without its members. A search leaves these
// out: a page of Groups that name a million patients each is of use to nobody. Who
// wants them, reads the Group.
var groupElements = []string{
	"active", "actual", "characteristic", "code", "contained", "extension", "identifier", "language", "managingEntity",
	"name", "quantity", "text", "type",
}

// groups answers GET /fhir/Group, a search for Groups (FHIR R4, "search"): by
// the search parameters that $export knows, and by name, which R4 lacks. Pages
// are in the order of ids.
func (a *API) groups(c *gin.Context, client auth.Client) error {
	if err := acceptsJSON(c); err != nil {
		return err
	}
	mayRead := func(client auth.Client) error { return a.mayReadGroups(client, "") }
	if err := mayRead(client); err != nil {
		return err
	}
	permit(c, mayRead)
	params, err := readParameters(c)
	if err != nil {
		return err
	}
	params.base = a.baseURL(c) + "/fhir"
	if err := params.checkCount(maxGroupValues); err != nil {
		return err
	}
	query := groupQuery{count: defaultGroups}
	if err := query.read(params); err != nil {
		return err
	}
	found, err := a.findGroups(c.Request.Context(), query.only, query.after, query.count+1)
	if err != nil {
		return err
	}
	a.auditStart(c)
	a.writeJSON(c, http.StatusOK, contentTypeFHIR, found.bundle(a.baseURL(c)+groupsPath, query))
	return nil
}

// mayReadGroups refuses a client that may not read the Group with this id, or,
// if it is empty, search for Groups.
func (a *API) mayReadGroups(client auth.Client, id string) error {
	if err := allowGroup(client, id); err != nil {
		return err
	}
	return a.allow(client, "", "Group")
}

// groupQuery is a search for Groups.
type groupQuery struct {
	criteria url.Values // without what is about pages
	only     sqltext.Condition
	after    string // the last id of the page before
	count    int
}

// read understands the parameters of the search.
func (q *groupQuery) read(params *parameters) error {
	if value, ok := params.one("_count"); ok {
		count, err := strconv.Atoi(value)
		if err != nil || count < 1 {
			_ = params.refuse(invalid("_count", "_count is a number, 1 or more, not %s", quote(value)))
		}
		q.count = min(count, maxGroups)
	}
	readFormat(params)
	if q.after, _ = params.one("_after"); !storable(q.after) {
		_ = params.refuse(invalid("_after", "_after is the id of a Group"))
	}
	q.criteria = url.Values{}
	criteria, names := url.Values{}, url.Values{}
	for name, values := range params.values {
		switch parameter, _, _ := strings.Cut(name, ":"); parameter {
		case "_count", "_after", "_format":
			continue
		case "name":
			names[name] = values
		default:
			criteria[name] = values
		}
		q.criteria[name] = values
	}
	filter, err := search.Parse("Group", search.Relative("Group", encodeSearch(criteria), params.base))
	var refused *search.Error
	switch {
	case errors.As(err, &refused):
		_ = params.refuse(&problem{status: http.StatusBadRequest, code: "not-supported", parameter: refused.Parameter, text: refused.Error()})
	case err != nil:
		return internal(err)
	default:
		q.only = filter.Condition()
	}
	named, err := byName(names)
	if err := params.refuse(err); err != nil {
		return err
	}
	// A document that is not a resource has no members to leave out.
	isResource := sqltext.Condition{Where: sqltext.Text("jsonb_typeof(r.resource) = 'object'")}
	q.only = search.All(q.only, named, isResource)
	return params.verdict()
}

// encodeSearch writes decoded parameters of a query as search.Parse reads them.
func encodeSearch(parameters url.Values) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		for _, value := range parameters[name] {
			pairs = append(pairs, search.Encode(name, value))
		}
	}
	return strings.Join(pairs, "&")
}

// nameConditions are what a search by name means, by the parameter: a text compared with
// the {stored} name of the Group.
var nameConditions = map[string]func(text sqltext.Fragment) sqltext.Fragment{
	"name": func(text sqltext.Fragment) sqltext.Fragment {
		return sqltext.New("starts_with({stored}, {text})", sqltext.Values{"stored": search.Fold(storedName), "text": search.Fold(text)})
	},
	"name:contains": func(text sqltext.Fragment) sqltext.Fragment {
		return sqltext.New("strpos({stored}, {text}) > 0", sqltext.Values{"stored": search.Fold(storedName), "text": search.Fold(text)})
	},
	"name:exact": func(text sqltext.Fragment) sqltext.Fragment {
		return sqltext.New("{stored} = {text}", sqltext.Values{"stored": storedName, "text": text})
	},
}

var storedName = sqltext.Text("r.resource->>'name'")

// byName returns the condition of the criteria name, name:exact and name:contains: of
// the values of one, separated by commas, any. Without a modifier, the beginning counts;
// case and accents count only for exact.
func byName(names url.Values) (sqltext.Condition, error) {
	var all []sqltext.Condition
	for _, name := range slices.Sorted(maps.Keys(names)) {
		condition, ok := nameConditions[name]
		if !ok {
			return sqltext.Condition{}, &problem{status: http.StatusBadRequest, code: "not-supported", parameter: name, text: name + ": the modifier is not supported here; exact and contains are"}
		}
		for _, values := range names[name] {
			var one []sqltext.Fragment
			for _, value := range search.Values(values) {
				if value == "" || !storable(value) {
					return sqltext.Condition{}, invalid(name, "%s has an empty value", name)
				}
				one = append(one, condition(sqltext.Arg(value, "text")))
			}
			all = append(all, sqltext.Condition{Where: sqltext.Join(one, " OR ")})
		}
	}
	return search.All(all...), nil
}

// foundGroups are Groups in FHIR, with their ids.
type foundGroups struct {
	ids       []string
	resources []json.RawMessage
	more      bool // there are others, which were too large to be among them
}

// findGroups returns the Groups that meet the condition, without their members, at
// most limit, whose ids come behind after.
func (a *API) findGroups(ctx context.Context, only sqltext.Condition, after string, limit int) (found foundGroups, err error) {
	ctx, cancel := context.WithTimeout(ctx, groupTimeout)
	defer cancel()

	table, err := a.config.Source.Table(ctx, "Group")
	if errors.Is(err, catalog.ErrNoTable) {
		return found, nil
	}
	if err != nil {
		return found, unavailable(err)
	}
	format, err := a.groupFormat(ctx)
	if err != nil {
		return found, err
	}
	format.Elements = groupElements
	rows, err := a.config.Source.Page(ctx, source.Scan{Table: table, Only: only, Without: []string{"member"}}, after, limit)
	if err != nil {
		return found, unavailable(err)
	}
	defer rows.Close()
	var lines bytes.Buffer
	_, err = ndjson.Write(ctx, &lines, "Group", &groupRows{Rows: rows, found: &found}, ndjson.Options{Format: format})
	if err != nil {
		return found, unavailable(err)
	}
	for line := range bytes.Lines(lines.Bytes()) {
		found.resources = append(found.resources, bytes.TrimSuffix(line, []byte("\n")))
	}
	return found, nil
}

// groupRows are the rows of a page, up to maxGroupBytes. It adds their ids to found.
type groupRows struct {
	*source.Rows

	found *foundGroups
	size  int
}

// Next is that of source.Rows. It returns false when there is no room for the row.
func (r *groupRows) Next() bool {
	if r.found.more || !r.Rows.Next() {
		return false
	}
	row := r.Row()
	if r.size += len(row.Resource); r.size > maxGroupBytes && len(r.found.ids) > 0 {
		r.found.more = true
		return false
	}
	r.found.ids = append(r.found.ids, string(row.ID))
	return true
}
