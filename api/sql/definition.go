package sql

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/audit"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/view"
	"github.com/seed-90096f4d/sluice/view/store"
)

// resourceID matches the ids that FHIR allows.
var resourceID = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)

// isID reports whether a ViewDefinition can have the id: clients and proxies remove . and
// .. from a path.
func isID(id string) bool { return resourceID.MatchString(id) && id != "." && id != ".." }

// requireViews refuses a client that lacks a right to ViewDefinitions, now or while the
// request is answered.
func requireViews(call *endpoint.Call, want auth.Rights) error {
	call.Event.Types = []string{auth.ViewDefinition}
	return call.Require(func(client auth.Client) error { return allowViews(client, "", want) })
}

// Read answers GET /fhir/ViewDefinition/<id>.
func (v *Views) Read(call *endpoint.Call) error {
	if err := endpoint.AcceptsJSON(call.Context); err != nil {
		return err
	}
	if err := requireViews(call, auth.Read); err != nil {
		return err
	}
	id := call.Param("id")
	unknown := problem.NotFound("there is no ViewDefinition with this id")
	if !isID(id) {
		return unknown
	}
	call.Event.Resource = id
	found, err := v.config.Definitions.Get(call.Ctx(), id)
	if errors.Is(err, store.ErrNotFound) {
		return unknown
	}
	if err != nil {
		return problem.Unavailable(err)
	}
	call.Event.Resources = 1
	return write(call, http.StatusOK, found)
}

// Put answers PUT /fhir/ViewDefinition/<id>: it stores a ViewDefinition under the id, after
// all checks.
func (v *Views) Put(call *endpoint.Call) error {
	if err := requireViews(call, auth.Update); err != nil {
		return err
	}
	id := call.Param("id")
	if !isID(id) {
		return problem.Invalid("id", "an id must be 1 to 64 of A-Z, a-z, 0-9, - and ., and not . or .., got %s", problem.Quote(id))
	}
	if !call.Client.Scopes.AllowsViews(auth.Create) { // it may only replace one
		_, err := v.config.Definitions.Get(call.Ctx(), id)
		if errors.Is(err, store.ErrNotFound) {
			return allowViews(call.Client, "", auth.Create)
		}
		if err != nil {
			return problem.Unavailable(err)
		}
	}
	only, err := parseCondition(call)
	if err != nil {
		return err
	}
	return v.put(call, id, only, func(document object) error {
		var got string
		if err := json.Unmarshal(document["id"], &got); err != nil || got != id {
			return problem.Invalid("id", "id must be %s, as in the URL", problem.Quote(id))
		}
		return nil
	})
}

// Create answers POST /fhir/ViewDefinition: it stores a ViewDefinition under a new id.
func (v *Views) Create(call *endpoint.Call) error {
	if err := requireViews(call, auth.Create); err != nil {
		return err
	}
	id := uuid.NewString()
	return v.put(call, id, store.Condition{}, func(document object) error {
		document["id"], _ = json.Marshal(id)
		return nil
	})
}

// object is a JSON object whose members are not decoded, so that numbers keep their text.
type object map[string]json.RawMessage

// text returns the object as JSON, with the text of its members as they are: json.Marshal
// would escape characters that have a meaning in HTML, which takes six times their size.
func (o object) text() ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(o)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}

// maxViewBytes bounds a ViewDefinition, stored or in a request. maxViewsBytes bounds those
// of an export together: they are stored with it, and each of its parts reads them.
const (
	maxViewBytes  = 256 << 10
	maxViewsBytes = 1 << 20
)

// checkSize refuses a ViewDefinition that is too large. position is its position in the
// request.
func checkSize(position string, document []byte) error {
	if len(document) <= maxViewBytes {
		return nil
	}
	return problem.Unprocessable(position, fmt.Sprintf("a ViewDefinition must be at most %d bytes, got %d", maxViewBytes, len(document)))
}

// put stores the ViewDefinition in the body, whose id is checked or set by identify, if the
// condition is met.
func (v *Views) put(call *endpoint.Call, id string, only store.Condition, identify func(object) error) error {
	if err := endpoint.AcceptsJSON(call.Context); err != nil {
		return err
	}
	body, release, err := v.config.Bodies.Read(call)
	if err != nil {
		return err
	}
	defer release()
	var document object
	if err := json.Unmarshal(body, &document); err != nil || document == nil {
		return problem.Invalid("", "the body must be a ViewDefinition in JSON")
	}
	if err := identify(document); err != nil {
		return err
	}
	document["resourceType"] = json.RawMessage(`"` + auth.ViewDefinition + `"`) // one of its forms, or none
	text, err := document.text()
	if err != nil {
		return problem.Invalid("", "the body must be a ViewDefinition in JSON")
	}
	if err := checkSize("", text); err != nil {
		return err
	}
	parsed, err := parse(body)
	if err != nil {
		return err
	}
	call.Event.Resource = id
	stored, created, err := v.config.Definitions.Put(call.Ctx(), id, parsed, text, only)
	if err != nil {
		return changeProblem(err)
	}
	if !created {
		return write(call, http.StatusOK, stored)
	}
	call.Event.Action = audit.Create
	call.Header("Location", call.BaseURL+Path+"/"+id+"/_history/"+version(stored))
	return write(call, http.StatusCreated, stored)
}

// parse parses a ViewDefinition. Its findings are problems of the positions in it.
func parse(document []byte) (*view.View, error) {
	parsed, err := view.Parse(document, fhir.R4())
	var invalid *view.InvalidError
	if !errors.As(err, &invalid) {
		return parsed, err
	}
	var all []*problem.Problem
	for _, finding := range invalid.Findings {
		if len(all) < endpoint.MaxWarnings {
			all = append(all, problem.Unprocessable(finding.Path, describe(finding)))
		}
	}
	all[0].Others = all[1:]
	return nil, all[0]
}

// Delete answers DELETE /fhir/ViewDefinition/<id>, also if there is none.
func (v *Views) Delete(call *endpoint.Call) error {
	if err := requireViews(call, auth.Delete); err != nil {
		return err
	}
	only, err := parseCondition(call)
	if err != nil {
		return err
	}
	id := call.Param("id")
	if !isID(id) {
		id = "" // which none has, and which PostgreSQL can compare
	}
	call.Event.Resource = id
	if err := v.config.Definitions.Delete(call.Ctx(), id, only); err != nil {
		return changeProblem(err)
	}
	call.Status(http.StatusNoContent)
	return nil
}

// version returns the version of a stored ViewDefinition: each time of storing it makes
// another.
func version(stored store.Definition) string {
	return strconv.FormatInt(stored.UpdatedAt.UnixMicro(), 10)
}

// write answers with a stored ViewDefinition.
func write(call *endpoint.Call, status int, stored store.Definition) error {
	resource, err := versioned(stored)
	if err != nil {
		return problem.Internal(err)
	}
	call.Header("ETag", `W/"`+version(stored)+`"`)
	call.Header("Last-Modified", stored.UpdatedAt.UTC().Format(http.TimeFormat))
	endpoint.WriteJSON(call.Context, status, endpoint.ContentTypeFHIR, resource)
	return nil
}

// versioned returns a stored ViewDefinition with meta.versionId and meta.lastUpdated.
func versioned(stored store.Definition) (object, error) {
	var document, meta object
	if err := json.Unmarshal(stored.Document, &document); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(document["meta"], &meta); err != nil || meta == nil {
		meta = object{} // there is none
	}
	meta["versionId"] = json.RawMessage(`"` + version(stored) + `"`)
	meta["lastUpdated"] = json.RawMessage(`"` + stored.UpdatedAt.UTC().Format(time.RFC3339Nano) + `"`)
	var err error
	document["meta"], err = json.Marshal(meta)
	return document, err
}
