package group

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

const (
	// maxPageBytes is the size of Groups, as received, at which a page of a search ends.
	maxPageBytes = 16 << 20

	// searchTimeout bounds a search.
	searchTimeout = 30 * time.Second
)

// summaryElements are the elements of a Group without its members. A search
// leaves members out, since a Group can have a million of them.
var summaryElements = []string{
	"active", "actual", "characteristic", "code", "contained", "extension", "identifier", "language", "managingEntity",
	"name", "quantity", "text", "type",
}

// Search answers GET /fhir/Group (FHIR R4, "search"). It supports the search
// parameters that $export supports, and name, which R4 lacks. Pages are ordered by
// id.
func (g *Groups) Search(call *endpoint.Call) error {
	if err := endpoint.AcceptsJSON(call.Context); err != nil {
		return err
	}
	params, err := endpoint.QueryParameters(call.Context)
	if err != nil {
		return err
	}
	params.Base = call.FHIRBase()
	query, err := parseQuery(params)
	if err != nil {
		return err
	}
	if err := call.Require(func(client auth.Client) error { return g.allow(client, "") }); err != nil {
		return err
	}
	found, err := g.find(call.Ctx(), query)
	if err != nil {
		return err
	}
	bundle, size := found.bundle(call.BaseURL+Path, query)
	call.Event.Resources = int64(size)
	call.RecordStart()
	endpoint.WriteJSON(call.Context, http.StatusOK, endpoint.ContentTypeFHIR, bundle)
	return nil
}

// page holds Groups in FHIR format, and their ids.
type page struct {
	ids       []string
	resources []json.RawMessage
	cut       bool // the page ended at maxPageBytes
}

// find returns the Groups of a page and, if there is one, the Group after it. A
// page that reaches maxPageBytes ends before.
func (g *Groups) find(ctx context.Context, query query) (found page, err error) {
	ctx, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()

	table, err := g.source.Table(ctx, "Group")
	if errors.Is(err, catalog.ErrNoTable) {
		return found, nil
	}
	if err != nil {
		return found, problem.Unavailable(err)
	}
	format, err := g.format(ctx)
	if err != nil {
		return found, err
	}
	format.Elements = summaryElements
	scan := source.Scan{Table: table, Condition: query.only, OmitMembers: []string{"member"}}
	rows, err := g.source.Page(ctx, scan, query.after, query.count+1)
	if err != nil {
		return found, problem.Unavailable(err)
	}
	defer rows.Close()
	var lines bytes.Buffer
	_, err = ndjson.Write(ctx, &lines, "Group", &pageRows{Rows: rows, page: &found}, ndjson.Options{Format: format})
	if err != nil {
		return found, problem.Unavailable(err)
	}
	for line := range bytes.Lines(lines.Bytes()) {
		found.resources = append(found.resources, bytes.TrimSuffix(line, []byte("\n")))
	}
	return found, nil
}

// pageRows are the rows of a page, up to maxPageBytes. It adds their ids to the page.
type pageRows struct {
	*source.Rows

	page *page
	size int
}

// Next advances to the next row. It returns false if the page is full.
func (r *pageRows) Next() bool {
	if r.page.cut || !r.Rows.Next() {
		return false
	}
	row := r.Row()
	if r.size += len(row.Resource); r.size > maxPageBytes && len(r.page.ids) > 0 {
		r.page.cut = true
		return false
	}
	r.page.ids = append(r.page.ids, string(row.ID))
	return true
}
