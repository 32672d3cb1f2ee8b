package product

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// parameter is a parameter of FHIR's Parameters, with the values that exports of tables
// use.
type parameter struct {
	Name         string          `json:"name"`
	ValueString  string          `json:"valueString,omitempty"`
	ValueCode    string          `json:"valueCode,omitempty"`
	ValueBoolean *bool           `json:"valueBoolean,omitempty"`
	ValueURI     string          `json:"valueUri,omitempty"`
	Resource     json.RawMessage `json:"resource,omitempty"`
	Part         []parameter     `json:"part,omitempty"`
}

// parameters is FHIR's Parameters.
type parameters struct {
	ResourceType string      `json:"resourceType"`
	Parameter    []parameter `json:"parameter"`
}

// TableExport is a running or complete export of tables ($sql-export).
type TableExport struct {
	ID     string
	Status string // the URL of its status
}

// KickOffTables starts an export of the tables of views. CSV has no header.
func (c Client) KickOffTables(ctx context.Context, format string, views ...string) (e TableExport, err error) {
	body := parameters{ResourceType: "Parameters", Parameter: []parameter{{Name: "_format", ValueCode: format}, {Name: "header", ValueBoolean: new(bool)}}}
	for _, view := range views {
		body.Parameter = append(body.Parameter, parameter{Name: "subject", Part: []parameter{{Name: "subjectResource", Resource: json.RawMessage(view)}}})
	}
	content, err := json.Marshal(body)
	if err != nil {
		return e, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/fhir/$sql-export", bytes.NewReader(content))
	if err != nil {
		return e, err
	}
	request.Header.Set("Content-Type", "application/fhir+json")
	response, err := c.send(request)
	if err != nil {
		return e, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusAccepted {
		return e, fmt.Errorf("kick off an export of tables: %s", response.Status)
	}
	var accepted parameters
	if err := json.NewDecoder(response.Body).Decode(&accepted); err != nil {
		return e, err
	}
	e.Status = response.Header.Get("Content-Location")
	for _, p := range accepted.Parameter {
		if p.Name == "exportId" {
			e.ID = p.ValueString
		}
	}
	return e, nil
}

// Tables returns the URLs of the files of an export of tables, by the name of the view, if
// it is complete.
func (c Client) Tables(ctx context.Context, e TableExport) (files map[string][]string, complete bool, err error) {
	response, err := c.Do(ctx, http.MethodGet, e.Status) // it redirects to the result
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusAccepted, http.StatusTooManyRequests:
		return nil, false, nil
	case http.StatusOK:
	default:
		return nil, false, fmt.Errorf("the status of the export is %s; see the worker's log", response.Status)
	}
	var result parameters
	if err := json.NewDecoder(response.Body).Decode(&result); err != nil {
		return nil, false, err
	}
	files = map[string][]string{}
	for _, p := range result.Parameter {
		if p.Name == "output" {
			name, links := p.output()
			files[name] = links
		}
	}
	return files, true, nil
}

// output returns the name and the files of an output.
func (p parameter) output() (name string, links []string) {
	for _, part := range p.Part {
		switch part.Name {
		case "name":
			name = part.ValueString
		case "location":
			links = append(links, part.ValueURI)
		}
	}
	return name, links
}

// DeleteTables cancels a running export of tables, or marks a complete one for removal.
func (c Client) DeleteTables(ctx context.Context, e TableExport) error {
	_, err := c.expect(ctx, http.MethodDelete, e.Status, http.StatusAccepted)
	return err
}
