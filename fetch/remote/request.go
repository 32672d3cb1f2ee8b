package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Level is the level of an export.
type Level string

// The levels.
const (
	System  Level = "system"
	Patient Level = "patient"
	Group   Level = "group"
)

// Request is a kick-off request (Bulk Data 3.0.0, "Query Parameters").
type Request struct {
	Level       Level    `json:"level"`
	GroupID     string   `json:"group,omitempty"`
	Types       []string `json:"types,omitempty"`
	Since       string   `json:"since,omitempty"`
	Until       string   `json:"until,omitempty"`
	TypeFilters []string `json:"typeFilters,omitempty"`
	Elements    []string `json:"elements,omitempty"`
	// Patients are references or ids.
	Patients   []string `json:"patients,omitempty"`
	Include    []string `json:"include,omitempty"`
	OrganizeBy string   `json:"organizeBy,omitempty"`
	Format     string   `json:"format,omitempty"`
	// Partial asks for partial manifests, which list files while the export runs.
	Partial bool `json:"partial,omitempty"`
	// Lenient asks the server to ignore what it does not support.
	Lenient bool `json:"lenient,omitempty"`
	// SeparateStatus asks the server to report the status of the export in a header of its
	// responses to polls (separate-export-status). Some servers refuse the preference.
	SeparateStatus bool `json:"separateStatus,omitempty"`
	// Params are parameters that the specification does not define.
	Params url.Values `json:"params,omitempty"`
	// Method is GET, POST, or empty: GET unless the request needs POST, or the server
	// rejects GET with 405.
	Method string `json:"method,omitempty"`
}

// maxGET is the longest URL that is sent: servers and proxies have limits from 2,048 on.
const maxGET = 2000

// url returns the URL of the operation without parameters.
func (r Request) url(base *url.URL) (*url.URL, error) {
	switch r.Level {
	case System:
		return base.JoinPath("$export"), nil
	case Patient:
		return base.JoinPath("Patient", "$export"), nil
	case Group:
		if strings.Trim(r.GroupID, ".") == "" {
			return nil, fmt.Errorf("level group requires the id of a Group, got %q", r.GroupID)
		}
		return base.JoinPath("Group", url.PathEscape(r.GroupID), "$export"), nil
	}
	return nil, fmt.Errorf("level must be system, patient or group, got %q", r.Level)
}

// method returns the method for a request whose URL with all parameters is given.
// Bulk Data allows patient only in a POST.
func (r Request) method(get *url.URL) (string, error) {
	switch r.Method {
	case http.MethodGet, http.MethodPost:
		return r.Method, nil
	case "":
		if len(r.Patients) > 0 || len(get.String()) > maxGET {
			return http.MethodPost, nil
		}
		return http.MethodGet, nil
	}
	return "", fmt.Errorf("method must be GET or POST, got %q", r.Method)
}

// check returns an error if no server can answer the request.
func (r Request) check() error {
	if len(r.Patients) > 0 && r.Level == System {
		return errors.New("patients require level patient or group")
	}
	return nil
}

// query returns the parameters for a GET. Lists are separated by commas, since Cerner
// understands no repeated parameter. _typeFilter is repeated, since HAPI does not split
// it before types such as MedicationRequest; commas within a filter are escaped once more,
// so that servers that split the list do not split there.
func (r Request) query() url.Values {
	query := url.Values{}
	for _, p := range r.parameters() {
		query.Add(p.Name, p.text())
	}
	if filters, ok := query["_typeFilter"]; ok {
		for i, filter := range filters {
			filters[i] = strings.ReplaceAll(filter, ",", "%2C")
		}
	}
	if patients, ok := query["patient"]; ok {
		query.Set("patient", strings.Join(patients, ","))
	}
	return query
}

// body returns the Parameters resource for a POST.
func (r Request) body() ([]byte, error) {
	return json.Marshal(struct {
		ResourceType string      `json:"resourceType"`
		Parameter    []parameter `json:"parameter,omitempty"`
	}{"Parameters", r.parameters()})
}

// parameter is a parameter of a Parameters resource. It has one value.
type parameter struct {
	Name           string     `json:"name"`
	ValueString    string     `json:"valueString,omitempty"`
	ValueInstant   string     `json:"valueInstant,omitempty"`
	ValueBoolean   bool       `json:"valueBoolean,omitempty"`
	ValueReference *reference `json:"valueReference,omitempty"`
}

type reference struct {
	Reference string `json:"reference"`
}

// text returns the value for a query.
func (p parameter) text() string {
	switch {
	case p.ValueInstant != "":
		return p.ValueInstant
	case p.ValueBoolean:
		return "true"
	case p.ValueReference != nil:
		return p.ValueReference.Reference
	}
	return p.ValueString
}

// parameters returns all parameters. Lists are one string with commas in a POST, too: HAPI
// reads only the first of repeated ones.
func (r Request) parameters() (list []parameter) {
	text := func(name, value string) {
		if value != "" {
			list = append(list, parameter{Name: name, ValueString: value})
		}
	}
	text("_outputFormat", r.Format)
	if r.Since != "" {
		list = append(list, parameter{Name: "_since", ValueInstant: r.Since})
	}
	if r.Until != "" {
		list = append(list, parameter{Name: "_until", ValueInstant: r.Until})
	}
	text("_type", strings.Join(r.Types, ","))
	for _, filter := range r.TypeFilters {
		text("_typeFilter", filter)
	}
	text("_elements", strings.Join(r.Elements, ","))
	for _, patient := range r.Patients {
		list = append(list, parameter{Name: "patient", ValueReference: &reference{patientReference(patient)}})
	}
	text("includeAssociatedData", strings.Join(r.Include, ","))
	text("organizeOutputBy", r.OrganizeBy)
	if r.Partial {
		list = append(list, parameter{Name: "allowPartialManifests", ValueBoolean: true})
	}
	for _, name := range slices.Sorted(maps.Keys(r.Params)) {
		for _, value := range r.Params[name] {
			text(name, value)
		}
	}
	return list
}

// patientReference returns the reference to a patient that is given by reference or id.
func patientReference(patient string) string {
	if strings.Contains(patient, "/") {
		return patient
	}
	return "Patient/" + patient
}
