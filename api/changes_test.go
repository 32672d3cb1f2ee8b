package api_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// isChange tells whether an AuditEvent is about the change of a client.
func isChange(event map[string]any) bool {
	return strings.HasPrefix(event["id"].(string), "client-change-")
}

// TestChangesAreAudited: what was done to clients, while the API ran or before,
// becomes one AuditEvent each: who, what, when, from where, and no secret.
func TestChangesAreAudited(t *testing.T) {
	t.Parallel()
	bucketURL := storagetest.Bucket(t)
	bucket, err := storage.Open(storage.Config{URL: bucketURL})
	require.NoError(t, err)
	t.Cleanup(bucket.Close)
	b := setup(t) // adds a client
	operator := b.clients.WithActor("alice@ward-7", nil)
	require.NoError(t, operator.Add(t.Context(), "lake", "Confidential1", []string{"system/*.rs"}))
	b.stop()
	<-b.served
	require.Empty(t, auditEvents(t, bucketURL), "without the setting there are none")

	b.config.AuditBucket = bucket
	for range 2 { // of several processes
		b.serve(t, api.New(b.config))
	}
	require.NoError(t, operator.Rotate(t.Context(), "lake", "Confidential2", time.Hour, 0))
	require.NoError(t, operator.Change(t.Context(), "lake", auth.Change{Scopes: []string{"system/Patient.rs"}}))
	require.NoError(t, operator.Remove(t.Context(), "lake"))
	b.stop()
	<-b.served

	events := auditEvents(t, bucketURL)
	require.Len(t, events, 5)
	var actions []string
	for _, event := range events {
		require.Equal(t, "AuditEvent", event["resourceType"])
		actions = append(actions, event["action"].(string))
	}
	require.Equal(t, []string{"C", "C", "U", "U", "D"}, actions)
	got, err := json.Marshal(events[3])
	require.NoError(t, err)
	require.JSONEq(t, `{
		"resourceType": "AuditEvent", "id": "`+events[3]["id"].(string)+`",
		"type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110113", "display": "Security Alert"},
		"subtype": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110137", "display": "User security Attributes Changed"}],
		"action": "U", "recorded": "`+events[3]["recorded"].(string)+`", "outcome": "0", "outcomeDesc": "done",
		"agent": [{"who": {"identifier": {"value": "alice@ward-7"}}, "altId": "postgres", "requestor": true, "network": {"address": "ward-7", "type": "1"}}],
		"source": {"observer": {"display": "Sluice"}},
		"entity": [{"what": {"identifier": {"value": "lake"}}, "name": "client", "detail": [
			{"type": "action", "valueString": "client change"},
			{"type": "change", "valueString": "`+strings.TrimPrefix(events[3]["id"].(string), "client-change-")+`"},
			{"type": "scopes", "valueString": "system/*.rs → system/Patient.rs"}
		]}]
	}`, string(got))
	text, err := json.Marshal(events)
	require.NoError(t, err)
	require.NotContains(t, string(text), "Confidential")
	require.NotContains(t, string(text), "argon2")
}
