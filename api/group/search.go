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
)

const (
	// maxPageBytes is the size of stored Groups at which a page of a search ends.
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
	bundle := found.bundle(call.BaseURL+Path, query)
	call.Event.Resources = int64(len(bundle.Entry))
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
	if errors.Is(err, source.ErrNoTable) {
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
	scan := source.Scan{Table: table, Only: query.only, Without: []string{"member"}}
	var lines bytes.Buffer
	_, err = ndjson.Write(ctx, &lines, "Group", func(ctx context.Context, fn func(*source.Row) error) error {
		return found.limit(g.source.Page(ctx, scan, query.after, query.count+1, found.add(fn)))
	}, ndjson.Options{Format: format})
	if err != nil {
		return found, problem.Unavailable(err)
	}
	for line := range bytes.Lines(lines.Bytes()) {
		found.resources = append(found.resources, bytes.TrimSuffix(line, []byte("\n")))
	}
	return found, nil
}

// errFull ends the reading of a page at maxPageBytes.
var errFull = errors.New("page full")

// add returns a function that passes rows to fn until the page is full.
func (p *page) add(fn func(*source.Row) error) func(*source.Row) error {
	size := 0
	return func(row *source.Row) error {
		if size += len(row.Resource); size > maxPageBytes && len(p.ids) > 0 {
			return errFull
		}
		p.ids = append(p.ids, string(row.ID))
		return fn(row)
	}
}

// limit notes that the page was cut, which is not an error.
func (p *page) limit(err error) error {
	if errors.Is(err, errFull) {
		p.cut = true
		return nil
	}
	return err
}
