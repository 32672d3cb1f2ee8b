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

// changesInterval is how often changes of clients are stored.
const changesInterval = time.Minute

// RunClientChanges stores changes of clients as AuditEvents every minute until ctx
// ends, and once more then. The command that changes a client needs no bucket: it
// records the change in the state database, and a process of the API stores it.
func (r *Recorder) RunClientChanges(ctx context.Context, clients *auth.Clients) {
	tick := time.NewTicker(changesInterval)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-tick.C:
		}
		if err := r.writer.storeChanges(context.WithoutCancel(ctx), clients); err != nil {
			r.writer.logger.ErrorContext(ctx, "could not store client changes as audit events; will retry", "error", err)
		}
	}
}

func (w *writer) storeChanges(ctx context.Context, clients *auth.Clients) error {
	if w.bucket == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, uploadTimeout) // also for a process that stops
	defer cancel()
	for {
		count, err := clients.StoreChanges(ctx, func(entries []auth.Entry) error { return w.writeChanges(ctx, entries) })
		if err != nil || count == 0 {
			return err
		}
	}
}

// writeChanges writes changes as one object. Its key depends on the changes only,
// so that a retry, after a process that could not commit, overwrites it.
func (w *writer) writeChanges(ctx context.Context, entries []auth.Entry) error {
	resources := make([]auditEvent, len(entries))
	for i, entry := range entries {
		resources[i] = changeResource(entry)
	}
	name := fmt.Sprintf("clients-%d-%d", entries[0].ID, entries[len(entries)-1].ID)
	return w.write(ctx, entries[0].At, name, resources)
}

const dicomSystem = "http://dicom.nema.org/resources/ontology/DCM"

// changeCodes are codes of FHIR's value set audit-event-action; any other change is
// an update.
var changeCodes = map[string]string{"add": "C", "remove": "D"}

// changeResource returns a change of a client as a FHIR resource, with the codes
// of DICOM (R4, value sets audit-event-type and audit-event-sub-type).
func changeResource(entry auth.Entry) auditEvent {
	action, ok := changeCodes[entry.Action]
	if !ok {
		action = "U"
	}
	operator := agent{Who: &reference{Identifier: &identifier{Value: entry.Actor}}, AltID: entry.Role, Requestor: true}
	if _, host, ok := strings.Cut(entry.Actor, "@"); ok {
		operator.Network = &network{Address: host, Type: networkName}
	}
	id := strconv.FormatInt(entry.ID, 10)
	client := entity{
		What: &reference{Identifier: &identifier{Value: entry.ClientID}}, Name: "client",
		Detail: []detail{{"action", "client " + entry.Action}, {"change", id}},
	}
	for _, name := range slices.Sorted(maps.Keys(entry.Details)) {
		client.Detail = append(client.Detail, detail{name, entry.Details[name]})
	}
	return auditEvent{
		ResourceType: "AuditEvent",
		ID:           "client-change-" + id,
		Type:         coding{System: dicomSystem, Code: "110113", Display: "Security Alert"},
		Subtype:      []coding{{System: dicomSystem, Code: "110137", Display: "User security Attributes Changed"}},
		Action:       action,
		Recorded:     entry.At.UTC().Format(time.RFC3339Nano),
		Outcome:      outcomeCodes["done"],
		OutcomeDesc:  "done",
		Agent:        []agent{operator},
		Source:       sluice,
		Entity:       []entity{client},
	}
}
