package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// fileError is an error in one part of an export.
type fileError struct {
	file string // as in Observation.0003.ndjson.gz
	err  error
}

func (e *fileError) Error() string { return e.file + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// errJobTimeout means that the time of the job itself is over. context.DeadlineExceeded
// can also mean that a server did not answer in time.
var errJobTimeout = errors.New("the job timed out")

// withCause returns the error of a job with the cause of the end of its context, if it
// has ended: from that, River distinguishes stopped and cancelled jobs from failed ones.
func withCause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) {
		cause = errJobTimeout
	}
	if err != nil && cause != nil && !errors.Is(err, cause) {
		return errors.Join(cause, err)
	}
	return err
}

// errorHandler handles the errors of jobs for River. The export of a job fails if a
// retry cannot help or no attempt is left.
type errorHandler struct {
	*Worker
}

var _ river.ErrorHandler = (*errorHandler)(nil)

// HandleError handles the error that a job has returned.
func (h *errorHandler) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	logger := h.config.Logger.With("job", job.ID, "kind", job.Kind, "attempt", job.Attempt, "args", string(job.EncodedArgs), "error", err)
	switch {
	case !carriesExport(job) && job.Attempt >= job.MaxAttempts:
		logger.ErrorContext(ctx, "job discarded")
		return nil
	case !carriesExport(job), job.Attempt < job.MaxAttempts && classify(err).kind != permanent:
		logger.WarnContext(ctx, "job failed and will be retried")
		return nil
	case !h.failExport(ctx, job, err):
		return nil // the next attempt, if there is one, fails the export
	case viewFault(err) != "": // by the view and the data
		logger.WarnContext(ctx, "job failed")
	default:
		logger.ErrorContext(ctx, "job failed")
	}
	return &river.ErrorHandlerResult{SetCancelled: true}
}

// carriesExport reports whether an export depends on the job. For other jobs, such as
// cleanup, only River limits the retries.
func carriesExport(job *rivertype.JobRow) bool {
	return job.Kind == (jobs.ExportArgs{}).Kind() || job.Kind == (jobs.PartArgs{}).Kind()
}

// HandlePanic handles a panic in a job: a defect, which a retry is likely to repeat.
func (h *errorHandler) HandlePanic(ctx context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	return h.HandleError(ctx, job, fmt.Errorf("panic: %v\n%s", value, trace))
}

// failTimeout bounds the recording of a failure.
const failTimeout = 10 * time.Second

// failExport fails the export that the job belongs to because of an error of the job. It reports whether the job is
// over: the export has ended, or another attempt holds the job.
func (h *errorHandler) failExport(ctx context.Context, job *rivertype.JobRow, cause error) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), failTimeout)
	defer cancel()

	attempt, err := jobs.NewAttempt(job)
	if err == nil {
		failure := jobs.Failure{Reason: publicReason(cause)}
		if viewFault(cause) != "" {
			failure.Logged = reasonView
		}
		err = h.store.FailAttempt(ctx, attempt, failure)
	}
	if err != nil && !errors.Is(err, jobs.ErrStale) {
		h.config.Logger.ErrorContext(ctx, "could not record export failure", "export", attempt.ExportID, "cause", cause, "error", err)
		return false
	}
	return true
}

// reasonView is logged instead of the description of the fault, which names a resource.
const reasonView = "a view could not be evaluated"

// publicReason describes an error for clients: without SQL, addresses or content of
// resources. The log has the whole error.
func publicReason(err error) string {
	var file *fileError
	var table *catalog.TableError
	var unreadable *catalog.UnreadableError
	var column *catalog.ColumnError
	var malformed *source.MalformedError
	switch {
	case errors.Is(err, errJobTimeout): // joined to the errors below, which it has caused
		return reasonTimeout
	case viewFault(err) != "":
		return viewFault(err)
	case errors.As(err, &file):
		return file.file + ": " + publicReason(file.err)
	case errors.As(err, &table):
		return table.Type + ": " + publicReason(table.Err)
	case errors.As(err, &unreadable):
		return unreadable.Error()
	case errors.As(err, &column):
		return column.Error()
	case errors.As(err, &malformed) && errors.Is(err, source.ErrTooLong):
		return "table " + malformed.Table + " has a resource whose text exceeds 1 GiB; the server log has its id"
	case errors.As(err, &malformed):
		return "table " + malformed.Table + " has a malformed row; the server log has its id"
	}
	for _, known := range knownErrors {
		if known.reason != "" && errors.Is(err, known.err) {
			return known.reason
		}
	}
	var pgErr *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case source.IsRowSecurityError(err):
		return source.RowSecurityText
	case errors.As(err, &pgErr):
		return cmp.Or(sourceReasons[pgErr.Code], fmt.Sprintf("the database reported an error (SQLSTATE %s)", pgErr.Code))
	case errors.As(err, &connect):
		return "the database could not be reached"
	}
	return "internal error; the server log has the details"
}

// sourceReasons describe errors of the source database by their SQLSTATE.
var sourceReasons = map[string]string{
	"22P05": "the encoding of the source database lacks characters that the search needs; searching strings requires UTF8", // untranslatable_character
	"42501": "permission to read the table was denied by the source database",                                              // insufficient_privilege
	"42P01": "the table no longer exists",                                                                                  // undefined_table
	"55P03": "timed out waiting for a lock on the table; another session is changing its definition or rewriting it",       // lock_not_available
}
