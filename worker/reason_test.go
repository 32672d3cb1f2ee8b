package worker

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/table/pass"
	"github.com/seed-90096f4d/sluice/view"
	"github.com/seed-90096f4d/sluice/worker/stage"
)

// TestReasonOfTimeout: a timeout is the reason also if it interrupts the search for
// tables, whose error names one.
func TestReasonOfTimeout(t *testing.T) {
	t.Parallel()
	interrupted := &catalog.TableError{Type: "Encounter", Err: context.Canceled}
	require.Equal(t, reasonTimeout, publicReason(errors.Join(errJobTimeout, interrupted)))
	require.Equal(t, reasonTimeout, publicReason(errors.Join(errJobTimeout, &fileError{file: "Encounter.0001.ndjson.gz", err: interrupted})))
	require.Equal(t, "Encounter: internal error; the server log has the details", publicReason(interrupted))
}

// TestReasonOfLongText: a resource whose text is too long is not called malformed.
func TestReasonOfLongText(t *testing.T) {
	t.Parallel()
	require.Equal(t, `table "public"."patient" has a resource whose text exceeds 1 GiB; the server log has its id`,
		publicReason(&source.MalformedError{Table: `"public"."patient"`, ID: "pt-1", Err: source.ErrTooLong}))
}

// TestReasonOfView: what a view cannot be evaluated on is permanent and is the reason
// itself, not one of a file.
func TestReasonOfView(t *testing.T) {
	t.Parallel()
	data := &pass.ResourceError{ResourceType: "Patient", ID: "pt-1", View: "people", Err: &view.DataError{Column: "given", Path: "name.given", Reason: "several values"}}
	invalid := &stage.ViewError{Name: "people", Err: &view.InvalidError{Findings: []view.Finding{{Path: "select[0]", Text: "is wrong"}}}}
	for err, reason := range map[error]string{
		data:    "Patient/pt-1: view people: column given (name.given): several values",
		invalid: "view people: invalid ViewDefinition: select[0]: is wrong",
	} {
		wrapped := &fileError{file: "people.0001.csv.gz", err: fmt.Errorf("pass: %w", err)}
		require.Equal(t, reason, publicReason(wrapped))
		require.Equal(t, permanent, classify(wrapped).kind)
		require.NotContains(t, wrapped.Error(), "name.given") // for the log
		require.NotContains(t, wrapped.Error(), "is wrong")
	}
}
