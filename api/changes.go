package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/auth"
)

// storeChanges stores what was done to clients as AuditEvents. The command that
// changes a client needs no bucket: it writes the change down with what it
// does, and a process of the API stores it within a minute.
func (t *trail) storeChanges(ctx context.Context, clients *auth.Clients) error {
	if t.bucket == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, trailTimeout) // a process that stops does not wait for ever
	defer cancel()
	for {
		count, err := clients.StoreChanges(ctx, func(entries []auth.Entry) error { return t.writeChanges(ctx, entries) })
		if err != nil || count == 0 {
			return err
		}
	}
}

// writeChanges writes one object. Whoever writes the same changes again, since
// the process that did could not say so any more, writes the same object.
func (t *trail) writeChanges(ctx context.Context, entries []auth.Entry) error {
	resources := make([]fhirAudit, len(entries))
	for i, entry := range entries {
		resources[i] = changeEvent(entry)
	}
	name := fmt.Sprintf("clients-%d-%d", entries[0].ID, entries[len(entries)-1].ID)
	return t.write(ctx, entries[0].At, name, resources)
}

const dicomSystem = "http://dicom.nema.org/resources/ontology/DCM"

// changeActions are the codes of FHIR's value set audit-event-action; any other
// change is an update.
var changeActions = map[string]string{"add": "C", "remove": "D"}

// changeEvent is the change of a client as FHIR knows it, in the words of DICOM
// (R4, value sets audit-event-type and audit-event-sub-type).
func changeEvent(entry auth.Entry) fhirAudit {
	action, ok := changeActions[entry.Action]
	if !ok {
		action = "U"
	}
	agent := auditAgent{Who: &reference{Identifier: &identifier{Value: entry.Actor}}, AltID: entry.Role, Requestor: true}
	if _, host, ok := strings.Cut(entry.Actor, "@"); ok {
		agent.Network = &auditNetwork{Address: host, Type: networkName}
	}
	id := strconv.FormatInt(entry.ID, 10)
	thing := auditThing{
		What: &reference{Identifier: &identifier{Value: entry.ClientID}}, Name: "client",
		Detail: []auditDetail{{"action", "client " + entry.Action}, {"change", id}},
	}
	for _, name := range slices.Sorted(maps.Keys(entry.Details)) {
		thing.Detail = append(thing.Detail, auditDetail{name, entry.Details[name]})
	}
	return fhirAudit{
		ResourceType: "AuditEvent",
		ID:           "client-change-" + id,
		Type:         coding{System: dicomSystem, Code: "110113", Display: "Security Alert"},
		Subtype:      []coding{{System: dicomSystem, Code: "110137", Display: "User security Attributes Changed"}},
		Action:       action,
		Recorded:     entry.At.UTC().Format(time.RFC3339Nano),
		Outcome:      auditOutcomes["done"],
		OutcomeDesc:  "done",
		Agent:        []auditAgent{agent},
		Source:       auditSource{Observer: reference{Display: "Sluice"}},
		Entity:       []auditThing{thing},
	}
}
