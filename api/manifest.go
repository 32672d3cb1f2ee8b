package api

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/manifest"
)

// manifest answers with the files of a completed export, or a page of them, with
// links made for this answer. None outlives its file.
func (a *API) manifest(c *gin.Context, export jobs.Export, page int) error {
	left := export.ExpiresAt.Sub(export.ReadAt)
	if left <= 0 {
		return expired() // and about to be marked as such
	}
	life := max(left, time.Second)
	if !a.config.GuardFiles {
		life = min(a.config.LinkLife, life)
	}
	files, next, err := a.listFiles(c, export, page)
	if err != nil {
		return err
	}
	handOut(c, export, files)
	// The links' end, which can come before the files': a client that comes later
	// asks again.
	c.Header("Expires", time.Now().Add(life).UTC().Format(http.TimeFormat))
	c.Header("Content-Type", "application/json")
	c.Status(exportStatus(c, export, http.StatusOK))
	return a.sendManifest(c, export, files, next, life)
}

// partialManifest answers with a page of the files that a running export has
// written (Bulk Data 3.0.0, "allowPartialManifests"). Before there are some, the
// answer has no body.
func (a *API) partialManifest(c *gin.Context, export jobs.Export, page int) error {
	files, next, err := a.listFiles(c, export, page)
	var missing *problem
	if errors.As(err, &missing) && missing.status == http.StatusNotFound && page == 1 {
		c.Status(exportStatus(c, export, http.StatusAccepted))
		return nil
	}
	if err != nil {
		return err
	}
	handOut(c, export, files)
	c.Header("Content-Type", "application/json")
	c.Status(exportStatus(c, export, http.StatusAccepted))
	return a.sendManifest(c, export, files, next, a.config.LinkLife)
}

// handOut notes for the audit what the client is about to get links to.
func handOut(c *gin.Context, export jobs.Export, files jobs.Files) {
	c.Set(keyTypes, export.Request.Types)
	c.Set(keyResources, files.Resources())
}

// listFiles returns the files of a page of the manifest, and where the next page
// is, if there is one. Most exports have one page.
func (a *API) listFiles(c *gin.Context, export jobs.Export, page int) (files jobs.Files, next string, err error) {
	if err := a.config.Exports.CheckLocation(c.Request.Context()); err != nil {
		return files, "", unavailable(err) // the links would lead to the former location
	}
	more := false
	if export.Request.PartialManifests {
		files, more, err = a.config.Exports.Page(c.Request.Context(), export, page)
	} else {
		files, err = a.config.Exports.Files(c.Request.Context(), export.ID)
	}
	switch {
	case errors.Is(err, jobs.ErrNotFound):
		return files, "", notFound("the manifest has no such page")
	case err != nil:
		return files, "", unavailable(err)
	case more:
		next = fmt.Sprintf("%s/fhir/$export-status/%s?%s=%d", a.baseURL(c), export.ID, pageParameter, page+1)
	}
	return files, next, nil
}

// sendManifest sends the manifest while its links are signed, which takes seconds
// if they are many. A link that can't be signed is mostly the first; if not, the
// answer is cut.
func (a *API) sendManifest(c *gin.Context, export jobs.Export, files jobs.Files, next string, life time.Duration) error {
	to := &pieces{api: a, context: c}
	buffered := bufio.NewWriterSize(to, pieceSize)
	err := manifest.Write(buffered, export, files, manifest.Options{
		RequiresAccessToken: a.config.GuardFiles,
		Next:                next,
		URL: func(file jobs.File) (string, error) {
			if err := c.Request.Context().Err(); err != nil {
				return "", err
			}
			return a.fileLink(c, export, file, life)
		},
	})
	if err == nil {
		err = buffered.Flush()
	}
	return to.outcome(err)
}

// pageParameter is that of the links between pages.
const pageParameter = "page"

// readPage reads which page of the manifest is asked for. Other exports than
// those that show files early have one.
func readPage(c *gin.Context, export jobs.Export) (int, error) {
	text := c.Query(pageParameter)
	if text == "" {
		return 1, nil
	}
	page, err := strconv.ParseInt(text, 10, 32)
	if err != nil || page < 1 || page > 1 && !export.Request.PartialManifests {
		return 0, notFound("the manifest has no such page")
	}
	return int(page), nil
}
