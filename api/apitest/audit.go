package apitest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// AuditLine is an audit event in the log.
type AuditLine struct {
	Action, Outcome, Reason, Client, Remote, Request, Path, Export, Resource string

	Status, Bytes, Resources int
	Types                    []string
}

// Audited returns the audit events in the log, without the ids of requests.
func (l *LogBuffer) Audited(t *testing.T) (all []AuditLine) {
	t.Helper()
	for text := range strings.Lines(l.String()) {
		var one struct {
			Msg   string
			Audit AuditLine
		}
		require.NoError(t, json.Unmarshal([]byte(text), &one))
		if one.Msg == "audit" {
			require.NotEmpty(t, one.Audit.Request)
			one.Audit.Request = ""
			all = append(all, one.Audit)
		}
	}
	return all
}
