package worker

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
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
