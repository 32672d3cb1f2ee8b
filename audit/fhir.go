package audit

import (
	"crypto/rand"
	"strconv"
	"strings"
	"time"
)

// object is a FHIR resource (R4, "Resource AuditEvent") or an element of one.
type object = map[string]any

const (
	auditEventType    = "http://terminology.hl7.org/CodeSystem/audit-event-type"
	interactionSystem = "http://hl7.org/fhir/restful-interaction"

	// The codes of FHIR's value set network-type.
	networkName = "1"
	networkIP   = "2"
)

// The codes of FHIR's value sets audit-event-action and audit-event-outcome.
var (
	actionCodes = map[Action]string{
		Cancel: "D", Create: "C", Delete: "D", Download: "R", Manifest: "R", Poll: "R", Read: "R", Update: "U",
	}
	outcomeCodes = map[string]string{"started": "0", "done": "0", "refused": "4", "failed": "8", "broken": "8"}
)

var sluice = object{"observer": object{"display": "Sluice"}}

func identified(value string) object { return object{"identifier": object{"value": value}} }

func detail(name, value string) object { return object{"type": name, "valueString": value} }

func (e Event) resource() object {
	action, interaction := actionCodes[e.Action], "read"
	switch action {
	case "":
		action, interaction = "E", "operation"
	case "C":
		interaction = "create"
	case "D":
		interaction = "delete"
	case "U":
		interaction = "update"
	}
	client := object{"requestor": true, "network": object{"address": e.Remote, "type": networkIP}}
	if e.Client != "" {
		client["who"] = identified(e.Client)
	}
	return object{
		"resourceType": "AuditEvent",
		"id":           rand.Text(),
		"type":         object{"system": auditEventType, "code": "rest", "display": "RESTful Operation"},
		"subtype":      []object{{"system": interactionSystem, "code": interaction}},
		"action":       action,
		"recorded":     e.At.UTC().Format(time.RFC3339Nano),
		"outcome":      outcomeCodes[e.Outcome()],
		"outcomeDesc":  e.Outcome() + ": " + strconv.Itoa(e.Status),
		"agent":        []object{client},
		"source":       sluice,
		"entity":       []object{e.entity()},
	}
}

// entity returns what the request was about.
func (e Event) entity() object {
	details := []object{detail("action", string(e.Action)), detail("request", e.Request)}
	if !e.Started {
		details = append(details, detail("bytes", strconv.FormatInt(e.Bytes, 10)))
	}
	if e.Reason != "" {
		details = append(details, detail("reason", e.Reason))
	}
	if e.Resource != "" {
		details = append(details, detail("resource", e.Resource))
	}
	if len(e.Types) > 0 {
		details = append(details, detail("types", strings.Join(e.Types, ",")))
	}
	if e.counted() {
		details = append(details, detail("resources", strconv.FormatInt(e.Resources, 10)))
	}
	about := object{"name": e.Path, "detail": details}
	if e.Export != "" {
		about["what"] = identified(e.Export)
	}
	return about
}
