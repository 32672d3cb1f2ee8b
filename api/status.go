package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/storage"
)

// status answers GET /fhir/$export-status/<id> (Bulk Data 3.0.0, "Bulk Data
// Status Request").
func (a *API) status(c *gin.Context, client auth.Client) error {
	id, err := exportID(c)
	if err != nil {
		return err
	}
	export, err := a.config.Exports.GetFor(c.Request.Context(), id, client.ID)
	if err != nil {
		return exportProblem(err)
	}
	switch export.State {
	case jobs.Completed:
		return a.manifest(c, export)
	case jobs.Failed:
		return &problem{status: http.StatusInternalServerError, code: "exception", text: "the export failed: " + export.Failure}
	case jobs.Expired:
		return expired()
	}
	c.Header("X-Progress", progress(export))
	c.Header("Retry-After", strconv.Itoa(seconds(pollAfter(time.Since(export.CreatedAt)))))
	c.Status(http.StatusAccepted)
	return nil
}

// cancel answers DELETE /fhir/$export-status/<id> (Bulk Data 3.0.0, "Bulk Data
// Delete Request").
func (a *API) cancel(c *gin.Context, client auth.Client) error {
	id, err := exportID(c)
	if err != nil {
		return err
	}
	if err := a.config.Exports.Cancel(c.Request.Context(), id, client.ID); err != nil {
		return exportProblem(err)
	}
	c.Status(http.StatusAccepted)
	return nil
}

func exportID(c *gin.Context) (uuid.UUID, error) {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil {
		return uuid.Nil, exportProblem(jobs.ErrNotFound)
	}
	return id, nil
}

func exportProblem(err error) error {
	if errors.Is(err, jobs.ErrNotFound) {
		return notFound("there is no such export: there never was, it is another client's, or it was cancelled")
	}
	return unavailable(err)
}

// progress is the share of the work that is done. Until the manifest is there,
// that is not all. It only goes back when the export is begun anew, and says so.
func progress(export jobs.Export) string {
	percent := int64(0)
	if export.BytesPlanned > 0 {
		percent = min(export.BytesRead*100/export.BytesPlanned, 99)
	}
	if export.Generation > 1 {
		return fmt.Sprintf("%d%% (begun anew, attempt %d)", percent, export.Generation)
	}
	return fmt.Sprintf("%d%%", percent)
}

// pollAfter asks clients of long exports to come less often: after a tenth of
// the time it has taken so far.
func pollAfter(age time.Duration) time.Duration {
	return min(max(age/10, time.Second), 30*time.Second)
}

func expired() *problem {
	return &problem{status: http.StatusGone, code: "deleted", text: "the export has expired and its files are gone; start a new one"}
}

// manifest answers with the files of a completed export, with links signed for
// this answer. None outlives its file.
func (a *API) manifest(c *gin.Context, export jobs.Export) error {
	left := time.Until(*export.ExpiresAt)
	if left <= 0 {
		return expired() // and about to be marked as such
	}
	life := min(a.config.LinkLife, max(left, time.Second))
	files, err := a.config.Exports.Files(c.Request.Context(), export.ID)
	if err != nil {
		return unavailable(err)
	}
	manifest, err := export.Manifest(files, func(file jobs.File) (string, error) {
		return a.config.Bucket.Link(c.Request.Context(), file.ObjectKey, linkOptions(export, file, life))
	})
	if err != nil {
		return unavailable(err)
	}
	// The links' end, not the files': a client that comes later asks again.
	c.Header("Expires", time.Now().Add(life).UTC().Format(http.TimeFormat))
	a.writeJSON(c, http.StatusOK, "application/json", manifest)
	return nil
}

// linkOptions makes the store answer as the client wants it: ndjson that HTTP
// unpacks, or the file as it is stored.
func linkOptions(export jobs.Export, file jobs.File, life time.Duration) storage.LinkOptions {
	// deleted/Patient.0001 and Patient.0001 may end up in one folder.
	name := strings.ReplaceAll(strings.TrimPrefix(file.ObjectKey, export.ID.String()+"/"), "/", "-")
	if export.Request.RawGzip {
		return storage.LinkOptions{Expires: life, ContentType: "application/gzip", FileName: name}
	}
	return storage.LinkOptions{
		Expires:         life,
		ContentType:     "application/fhir+ndjson",
		ContentEncoding: "gzip",
		FileName:        strings.TrimSuffix(name, ".gz"),
	}
}
