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
	if err := acceptsJSON(c); err != nil {
		return err
	}
	export, err := a.ownExport(c, client)
	if err != nil {
		return err
	}
	wait := pollAfter(export.ReadAt.Sub(export.CreatedAt))
	if a.pollRate.Take(export.ID.String()) > 0 {
		return throttled("the status is asked for too often", wait)
	}
	page, err := readPage(c, export)
	if err != nil {
		return err
	}
	switch export.State {
	case jobs.Completed:
		return a.manifest(c, export, page)
	case jobs.Failed:
		return a.failure(c, export)
	case jobs.Expired:
		return expired()
	}
	c.Header("X-Progress", progress(export))
	c.Header("Retry-After", strconv.Itoa(seconds(wait)))
	if export.Request.PartialManifests && export.TransactionTime != nil {
		return a.partialManifest(c, export, page)
	}
	c.Status(exportStatus(c, export, http.StatusAccepted))
	return nil
}

// ownExport returns the export of the request's path. It is the client's, and
// its scopes cover what is in there: they may have been narrowed since the
// kick-off (Bulk Data 3.0.0, "Privacy and Security Considerations").
func (a *API) ownExport(c *gin.Context, client auth.Client) (jobs.Export, error) {
	id, err := exportID(c)
	if err != nil {
		return jobs.Export{}, err
	}
	export, err := a.config.Exports.GetForClient(c.Request.Context(), id, client.ID)
	if err != nil {
		return jobs.Export{}, exportProblem(err)
	}
	mayTake := func(client auth.Client) error { return a.allowExport(client, export.Request) }
	if err := mayTake(client); err != nil {
		return jobs.Export{}, err
	}
	permit(c, mayTake)
	return export, nil
}

// allowExport refuses a client whose Groups or scopes do not cover the export.
func (a *API) allowExport(client auth.Client, request jobs.Request) error {
	if err := allowGroup(client, request.Group); err != nil {
		return err
	}
	for _, resourceType := range request.Types {
		if err := a.allow(client, "", resourceType); err != nil {
			return err
		}
	}
	return nil
}

// failure answers for an export that has failed.
func (a *API) failure(c *gin.Context, export jobs.Export) error {
	failed := &problem{status: http.StatusInternalServerError, code: "exception", text: "the export failed: " + export.Failure}
	if !export.Request.SeparateStatus {
		return failed
	}
	a.writeJSON(c, exportStatus(c, export, failed.status), contentTypeFHIR, failed.outcome())
	return nil
}

// exportStatus returns the status to answer a poll with. A client that wants to
// know the poll's apart from the export's finds the latter in a header, and any
// poll that told it something is 200 (Bulk Data 3.0.0, separate-export-status).
func exportStatus(c *gin.Context, export jobs.Export, status int) int {
	if !export.Request.SeparateStatus {
		return status
	}
	c.Header("X-Export-Status", fmt.Sprintf("%d %s", status, http.StatusText(status)))
	return http.StatusOK
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
// that is not all. It decreases when parts are read again because the object
// store lost their files, and when the export restarts, which it says, as it says
// what the export waits for.
func progress(export jobs.Export) string {
	percent := int64(0)
	if export.BytesPlanned > 0 {
		percent = min(export.BytesRead*100/export.BytesPlanned, 99)
	}
	var notes []string
	if export.Generation > 1 {
		notes = append(notes, fmt.Sprintf("begun anew, attempt %d", export.Generation))
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
// are told to come far less often (Retry-After).
const (
	pollBurst      = 300
	pollsPerSecond = 5
)

// pollAfter asks clients of long exports to come less often: after a tenth of
// the time it has taken so far.
func pollAfter(age time.Duration) time.Duration {
	return min(max(age/10, time.Second), 30*time.Second)
}

func expired() *problem {
	return &problem{status: http.StatusGone, code: "deleted", text: "the export has expired and its files are gone; start a new one"}
}

// fileLink is what the manifest says of where a file is: a link that the store
// answers without credentials for a while, or an address of Sluice's own.
func (a *API) fileLink(c *gin.Context, export jobs.Export, file jobs.File, life time.Duration) (string, error) {
	if a.config.GuardFiles {
		return a.fileURL(c, export, file), nil
	}
	form := formOf(export, file)
	return a.config.Bucket.Link(c.Request.Context(), file.ObjectKey, storage.LinkOptions{
		Expires:         life,
		ContentType:     form.contentType,
		ContentEncoding: form.encoding,
		FileName:        form.name,
	})
}
