package api

import (
	"crypto/rand"
	"strconv"
	"strings"
	"time"
)

// fhirAudit is a FHIR AuditEvent (R4, "Resource AuditEvent"), as far as it is
// used here.
type fhirAudit struct {
	ResourceType string       `json:"resourceType"`
	ID           string       `json:"id"`
	Type         coding       `json:"type"`
	Subtype      []coding     `json:"subtype"`
	Action       string       `json:"action"`
	Recorded     string       `json:"recorded"`
	Outcome      string       `json:"outcome"`
	OutcomeDesc  string       `json:"outcomeDesc"`
	Agent        []auditAgent `json:"agent"`
	Source       auditSource  `json:"source"`
	Entity       []auditThing `json:"entity"`
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

type auditAgent struct {
	Who       *reference    `json:"who,omitempty"`
	AltID     string        `json:"altId,omitempty"`
	Requestor bool          `json:"requestor"`
	Network   *auditNetwork `json:"network,omitempty"`
}

type auditNetwork struct {
	Address string `json:"address"`
	Type    string `json:"type"`
}

type auditSource struct {
	Observer reference `json:"observer"`
}

type auditThing struct {
	What   *reference    `json:"what,omitempty"`
	Name   string        `json:"name"`
	Detail []auditDetail `json:"detail"`
}

type auditDetail struct {
	Type        string `json:"type"`
	ValueString string `json:"valueString"`
}

const (
	interactionSystem = "http://hl7.org/fhir/restful-interaction"

	// The codes of FHIR's value set network-type.
	networkName = "1"
	networkIP   = "2"
)

// The codes of FHIR's value sets audit-event-action and audit-event-outcome.
var (
	auditActions  = map[string]string{auditCancel: "D", auditDownload: "R", auditManifest: "R", auditPoll: "R", auditRead: "R"}
	auditOutcomes = map[string]string{"started": "0", "done": "0", "refused": "4", "failed": "8", "broken": "8"}
)

// fhir is the event as a FHIR resource.
func (e auditEvent) fhir() fhirAudit {
	action, interaction := auditActions[e.action], "read"
	switch action {
	case "":
		action, interaction = "E", "operation"
	case "D":
		interaction = "delete"
	}
	agent := auditAgent{Requestor: true, Network: &auditNetwork{Address: e.remote, Type: networkIP}}
	if e.client != "" {
		agent.Who = &reference{Identifier: &identifier{Value: e.client}}
	}
	thing := auditThing{Name: e.path, Detail: []auditDetail{
		{"action", e.action},
		{"request", e.request},
	}}
	if !e.started {
		thing.Detail = append(thing.Detail, auditDetail{"bytes", strconv.FormatInt(e.bytes, 10)})
	}
	if e.reason != "" {
		thing.Detail = append(thing.Detail, auditDetail{"reason", e.reason})
	}
	if len(e.types) > 0 {
		thing.Detail = append(thing.Detail, auditDetail{"types", strings.Join(e.types, ",")})
	}
	if e.counts() {
		thing.Detail = append(thing.Detail, auditDetail{"resources", strconv.FormatInt(e.resources, 10)})
	}
	if e.export != "" {
		thing.What = &reference{Identifier: &identifier{Value: e.export}}
	}
	return fhirAudit{
		ResourceType: "AuditEvent",
		ID:           rand.Text(),
		Type:         coding{System: "http://terminology.hl7.org/CodeSystem/audit-event-type", Code: "rest", Display: "RESTful Operation"},
		Subtype:      []coding{{System: interactionSystem, Code: interaction}},
		Action:       action,
		Recorded:     e.at.UTC().Format(time.RFC3339Nano),
		Outcome:      auditOutcomes[e.outcome()],
		OutcomeDesc:  e.outcome() + ": " + strconv.Itoa(e.status),
		Agent:        []auditAgent{agent},
		Source:       auditSource{Observer: reference{Display: "Sluice"}},
		Entity:       []auditThing{thing},
	}
}
