package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/storage"
)

// fileError is an error in one part of an export.
type fileError struct {
	file string // as in Observation.0003.ndjson.gz
	err  error
}

func (e *fileError) Error() string { return e.file + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// errTooLong means that a job's own time is over. context.DeadlineExceeded does
// not say so: it also stands for a server that did not answer in time.
var errTooLong = errors.New("the job took too long")

// ended returns a job's error with the reason why its context has ended, if it
// has: River tells by it a job that was stopped or cancelled from one that
// failed.
func ended(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) {
		cause = errTooLong
	}
	if err != nil && cause != nil && !errors.Is(err, cause) {
		return errors.Join(cause, err)
	}
	return err
}

// failures is told of each job that failed. If trying again can't help, or has
// been tried enough, the job's export fails.
type failures struct {
	logger *slog.Logger
	store  *jobs.Store
}

var _ river.ErrorHandler = (*failures)(nil)

// HandleError is told of an error that a job has returned.
func (f *failures) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	logger := f.logger.With("job", job.ID, "kind", job.Kind, "attempt", job.Attempt, "args", string(job.EncodedArgs), "error", err)
	switch {
	case !carries(job) && job.Attempt >= job.MaxAttempts:
		logger.ErrorContext(ctx, "job given up")
		return nil
	case !carries(job), job.Attempt < job.MaxAttempts && classify(err).kind != permanent:
		logger.WarnContext(ctx, "job failed, to be tried again")
		return nil
	case !f.giveUp(ctx, job, publicReason(err)):
		return nil // the next attempt, if there is one, fails for good
	}
	logger.ErrorContext(ctx, "job failed")
	return &river.ErrorHandlerResult{SetCancelled: true}
}

// carries tells whether an export waits for the job. Others, such as cleaning
// up, are not given up before River gives them up.
func carries(job *rivertype.JobRow) bool {
	return job.Kind == (jobs.ExportArgs{}).Kind() || job.Kind == (jobs.PartArgs{}).Kind()
}

// HandlePanic is told of a panic in a job: a defect, and likely to come again.
func (f *failures) HandlePanic(ctx context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	return f.HandleError(ctx, job, fmt.Errorf("panic: %v\n%s", value, trace))
}

// giveUpTimeout bounds the writing down of a failure.
const giveUpTimeout = 10 * time.Second

// giveUp fails the export that the job belongs to, and reports whether nothing is
// left to do: the export has ended, or the attempt is stale and decides nothing.
func (f *failures) giveUp(ctx context.Context, job *rivertype.JobRow, reason string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUpTimeout)
	defer cancel()

	attempt, err := jobs.NewAttempt(job)
	if err == nil {
		err = f.store.FailAttempt(ctx, attempt, reason)
	}
	if err != nil && !errors.Is(err, jobs.ErrStale) {
		f.logger.ErrorContext(ctx, "could not record export failure", "export", attempt.ExportID, "reason", reason, "error", err)
		return false
	}
	return true
}

// publicReason says what went wrong in words fit for a client: no SQL, no
// address, nothing of a resource. The log has the rest.
func publicReason(err error) string {
	var file *fileError
	if errors.As(err, &file) {
		return file.file + ": " + publicReason(file.err)
	}

	var table *source.TableError
	if errors.As(err, &table) {
		return table.Type + ": " + publicReason(table.Err)
	}

	if f, ok := classifyStore(err); ok && !errors.Is(err, errTooLong) {
		return f.reason
	}
	var column *source.ColumnError
	var unreadable *source.UnreadableError
	var pgErr *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &unreadable):
		return unreadable.Error()
	case errors.Is(err, errTooLong):
		return "the export took longer than the server allows"
	case errors.Is(err, jobs.ErrDamaged), errors.Is(err, storage.ErrNoObject):
		return jobs.ErrDamaged.Error()
	case errors.Is(err, jobs.ErrFilesShown):
		return "the database's snapshot was lost, and files of it were given away already"
	case errors.Is(err, source.ErrNoTable):
		return "there is no such table"
	case errors.Is(err, source.ErrNoAddresses):
		return "rows of a view or of another database can't be organized by patient"
	case errors.Is(err, source.ErrSnapshotGone):
		return "the database's snapshot was lost"
	case errors.Is(err, storage.ErrTooLarge):
		return "the file became larger than the object store allows"
	case errors.As(err, &column):
		return column.Error()
	case errors.Is(err, source.ErrOldServer):
		return "the source database is not laid out as expected"
	case source.HidesRows(err):
		return source.RowSecurityText
	case errors.As(err, &pgErr):
		return sourceReason(pgErr)
	case errors.As(err, &connect):
		return "the database could not be reached"
	}
	return "an internal error; the server's log has the details"
}

func sourceReason(err *pgconn.PgError) string {
	switch err.Code {
	case "22P05": // untranslatable_character
		return "the encoding of the source database lacks characters that the search needs; strings can be searched only in UTF8"
	case "42501": // insufficient_privilege
		return "the source database denies reading the table"
	case "42P01": // undefined_table
		return "the table is no longer there"
	case "55P03": // lock_not_available
		return "the table was locked too long by another session, such as one that rewrites or alters it"
	}
	return fmt.Sprintf("the database reported an error (SQLSTATE %s)", err.Code)
}
