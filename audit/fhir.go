package audit

import (
	"crypto/rand"
	"strconv"
	"strings"
	"time"
)

// auditEvent is a FHIR AuditEvent (R4, "Resource AuditEvent") with the elements
// that are used here.
type auditEvent struct {
	ResourceType string   `json:"resourceType"`
	ID           string   `json:"id"`
	Type         coding   `json:"type"`
	Subtype      []coding `json:"subtype"`
	Action       string   `json:"action"`
	Recorded     string   `json:"recorded"`
	Outcome      string   `json:"outcome"`
	OutcomeDesc  string   `json:"outcomeDesc"`
	Agent        []agent  `json:"agent"`
	Source       observer `json:"source"`
	Entity       []entity `json:"entity"`
}

type coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

type reference struct {
	Identifier *identifier `json:"identifier,omitempty"`
	Display    string      `json:"display,omitempty"`
}

type identifier struct {
	Value string `json:"value"`
}

type agent struct {
	Who       *reference `json:"who,omitempty"`
	AltID     string     `json:"altId,omitempty"`
	Requestor bool       `json:"requestor"`
	Network   *network   `json:"network,omitempty"`
}

type network struct {
	Address string `json:"address"`
	Type    string `json:"type"`
}

type observer struct {
	Observer reference `json:"observer"`
}

type entity struct {
	What   *reference `json:"what,omitempty"`
	Name   string     `json:"name"`
	Detail []detail   `json:"detail"`
}

type detail struct {
	Type        string `json:"type"`
	ValueString string `json:"valueString"`
}

const (
	auditEventType    = "http://terminology.hl7.org/CodeSystem/audit-event-type"
	interactionSystem = "http://hl7.org/fhir/restful-interaction"

	// The codes of FHIR's value set network-type.
	networkName = "1"
	networkIP   = "2"
)

// The codes of FHIR's value sets audit-event-action and audit-event-outcome.
var (
	actionCodes  = map[Action]string{Cancel: "D", Download: "R", Manifest: "R", Poll: "R", Read: "R"}
	outcomeCodes = map[string]string{"started": "0", "done": "0", "refused": "4", "failed": "8", "broken": "8"}
)

var sluice = observer{Observer: reference{Display: "Sluice"}}

// resource returns the event as a FHIR resource.
func (e Event) resource() auditEvent {
	action, interaction := actionCodes[e.Action], "read"
	switch action {
	case "":
		action, interaction = "E", "operation"
	case "D":
		interaction = "delete"
	}
	client := agent{Requestor: true, Network: &network{Address: e.Remote, Type: networkIP}}
	if e.Client != "" {
		client.Who = &reference{Identifier: &identifier{Value: e.Client}}
	}
	return auditEvent{
		ResourceType: "AuditEvent",
		ID:           rand.Text(),
		Type:         coding{System: auditEventType, Code: "rest", Display: "RESTful Operation"},
		Subtype:      []coding{{System: interactionSystem, Code: interaction}},
		Action:       action,
		Recorded:     e.At.UTC().Format(time.RFC3339Nano),
		Outcome:      outcomeCodes[e.Outcome()],
		OutcomeDesc:  e.Outcome() + ": " + strconv.Itoa(e.Status),
		Agent:        []agent{client},
		Source:       sluice,
		Entity:       []entity{e.entity()},
	}
}

// entity returns what the request was about.
func (e Event) entity() entity {
	about := entity{Name: e.Path, Detail: []detail{
		{"action", string(e.Action)},
		{"request", e.Request},
	}}
	if !e.Started {
		about.Detail = append(about.Detail, detail{"bytes", strconv.FormatInt(e.Bytes, 10)})
	}
	if e.Reason != "" {
		about.Detail = append(about.Detail, detail{"reason", e.Reason})
	}
	if len(e.Types) > 0 {
		about.Detail = append(about.Detail, detail{"types", strings.Join(e.Types, ",")})
	}
	if e.counted() {
		about.Detail = append(about.Detail, detail{"resources", strconv.FormatInt(e.Resources, 10)})
	}
	if e.Export != "" {
		about.What = &reference{Identifier: &identifier{Value: e.Export}}
	}
	return about
}
