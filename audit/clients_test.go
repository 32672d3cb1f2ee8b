package audit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/auth"
)

// What an operator does to an export is the end of a record, not a change of security.
func TestChangeResourceOfExport(t *testing.T) {
	t.Parallel()
	event := changeResource(auth.Entry{
		ID: 7, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), ClientID: "a", Action: auth.CancelExport,
		Actor: "root@host", Role: "sluice", Details: map[string]string{"export": "e1", "state": "running"},
	})
	require.Equal(t, object{"system": lifecycleSystem, "code": "destroy", "display": "Destroy/Delete Record Lifecycle Event"}, event["type"])
	require.Equal(t, "D", event["action"])
	require.NotContains(t, event, "subtype")
	require.Equal(t, []object{{"what": identified("a"), "name": "client", "detail": []object{
		detail("action", "client cancel export"), detail("change", "7"), detail("export", "e1"), detail("state", "running"),
	}}}, event["entity"])

	event = changeResource(auth.Entry{Action: "revoke"})
	require.Equal(t, "U", event["action"])
	require.Contains(t, event, "subtype")
}
