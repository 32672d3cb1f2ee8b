package audit

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

// storeChanges stores the changes of clients that the command recorded in the state
// database, which needs no bucket for that. The keys of their objects depend on the
// changes only, so that a retry, after a process that could not commit, overwrites them.
func (r *Recorder) storeChanges(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, uploadTimeout) // also for a process that stops
	defer cancel()
	for {
		count, err := r.clients.StoreChanges(ctx, func(entries []auth.Entry) error {
			name := fmt.Sprintf("clients-%d-%d", entries[0].ID, entries[len(entries)-1].ID)
			return write(ctx, r.bucket, entries[0].At, name, entries, changeResource)
		})
		if err != nil {
			r.logger.ErrorContext(ctx, "could not store client changes as audit events; will retry", "error", err)
		}
		if err != nil || count == 0 {
			return
		}
	}
}

const dicomSystem = "http://dicom.nema.org/resources/ontology/DCM"

// changeCodes are codes of FHIR's value set audit-event-action; any other change is
// an update.
var changeCodes = map[string]string{"add": "C", "remove": "D"}

// lifecycleSystem is a code system of FHIR's value set audit-event-type.
const lifecycleSystem = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"

// changeResource returns a change of a client as a FHIR resource, with the codes
// of DICOM (R4, value sets audit-event-type and audit-event-sub-type).
func changeResource(entry auth.Entry) object {
	action, ok := changeCodes[entry.Action]
	if !ok {
		action = "U"
	}
	operator := object{"who": identified(entry.Actor), "altId": entry.Role, "requestor": true}
	if _, host, ok := strings.Cut(entry.Actor, "@"); ok {
		operator["network"] = object{"address": host, "type": networkName}
	}
	id := strconv.FormatInt(entry.ID, 10)
	details := []object{detail("action", "client "+entry.Action), detail("change", id)}
	for _, name := range slices.Sorted(maps.Keys(entry.Details)) {
		details = append(details, detail(name, entry.Details[name]))
	}
	event := object{
		"resourceType": "AuditEvent",
		"id":           "client-change-" + id,
		"type":         object{"system": dicomSystem, "code": "110113", "display": "Security Alert"},
		"subtype":      []object{{"system": dicomSystem, "code": "110137", "display": "User security Attributes Changed"}},
		"action":       action,
		"recorded":     entry.At.UTC().Format(time.RFC3339Nano),
		"outcome":      outcomeCodes["done"],
		"outcomeDesc":  "done",
		"agent":        []object{operator},
		"source":       sluice,
		"entity":       []object{{"what": identified(entry.ClientID), "name": "client", "detail": details}},
	}
	if entry.Action == auth.CancelExport || entry.Action == auth.ExpireExport {
		event["type"] = object{"system": lifecycleSystem, "code": "destroy", "display": "Destroy/Delete Record Lifecycle Event"}
		event["action"] = "D"
		delete(event, "subtype")
	}
	return event
}
