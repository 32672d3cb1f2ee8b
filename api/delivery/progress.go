package delivery

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
)

// progress returns the part of the work that is done, at most 99 % until the
// manifest exists. It decreases when parts are read again because the object store
// lost their files, and when the export restarts.
func progress(export jobs.Export) string {
	percent := int64(0)
	if export.BytesPlanned > 0 {
		percent = min(export.BytesRead*100/export.BytesPlanned, 99)
	}
	var notes []string
	if export.Generation > 1 {
		notes = append(notes, fmt.Sprintf("restarted, attempt %d", export.Generation))
	}
	if export.WaitingSince != nil {
		notes = append(notes, fmt.Sprintf("waiting since %s: %s", export.WaitingSince.UTC().Format("15:04:05Z"), export.WaitingReason))
	}
	if len(notes) == 0 {
		return fmt.Sprintf("%d%%", percent)
	}
	return fmt.Sprintf("%d%% (%s)", percent, strings.Join(notes, "; "))
}

// The status of an export may be requested pollBurst times at once, as clients do
// that wait for a small export, and then pollsPerSecond times per second. Clients
// are told to poll far less often (Retry-After).
const (
	pollBurst      = 300
	pollsPerSecond = 5

	// retryPoll is the delay after which a client that polls too often may retry.
	retryPoll = 5 * time.Second
)

// pollInterval returns the delay until a client should poll again: a tenth of the
// time that the export has taken so far, between 1 and 30 seconds.
func pollInterval(age time.Duration) time.Duration {
	return min(max(age/10, time.Second), 30*time.Second)
}
