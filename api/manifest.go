package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/jobs"
)

// manifest answers with the files of a completed export, or a page of them, with
// links made for this answer. None outlives its file.
func (a *API) manifest(c *gin.Context, export jobs.Export, page int) error {
	left := time.Until(*export.ExpiresAt)
	if left <= 0 {
		return expired() // and about to be marked as such
	}
	life := max(left, time.Second)
	if !a.config.GuardFiles {
		life = min(a.config.LinkLife, life)
	}
	manifest, err := a.buildManifest(c, export, page, life)
	if err != nil {
		return err
	}
	// The links' end, which can come before the files': a client that comes later
	// asks again.
	c.Header("Expires", time.Now().Add(life).UTC().Format(http.TimeFormat))
	a.writeJSON(c, exportStatus(c, export, http.StatusOK), "application/json", manifest)
	return nil
}

// partialManifest answers with a page of the files that a running export has
// written (Bulk Data 3.0.0, "allowPartialManifests"). Before there are some, the
// answer has no body.
func (a *API) partialManifest(c *gin.Context, export jobs.Export, page int) error {
	manifest, err := a.buildManifest(c, export, page, a.config.LinkLife)
	var missing *problem
	if errors.As(err, &missing) && missing.status == http.StatusNotFound && page == 1 {
		c.Status(exportStatus(c, export, http.StatusAccepted))
		return nil
	}
	if err != nil {
		return err
	}
	a.writeJSON(c, exportStatus(c, export, http.StatusAccepted), "application/json", manifest)
	return nil
}

// buildManifest makes a page of the manifest, with links of that life.
func (a *API) buildManifest(c *gin.Context, export jobs.Export, page int, life time.Duration) (manifest jobs.Manifest, err error) {
	var files jobs.Files
	more := false
	if export.Request.PartialManifests {
		files, more, err = a.config.Exports.Page(c.Request.Context(), export, page)
	} else {
		files, err = a.config.Exports.Files(c.Request.Context(), export.ID)
	}
	if errors.Is(err, jobs.ErrNotFound) {
		return manifest, notFound("the manifest has no such page")
	}
	if err != nil {
		return manifest, unavailable(err)
	}
	manifest, err = export.Manifest(files, func(file jobs.File) (string, error) {
		return a.fileLink(c, export, file, life)
	})
	if err != nil {
		return manifest, unavailable(err)
	}
	manifest.RequiresAccessToken = a.config.GuardFiles
	if more {
		next := fmt.Sprintf("%s/fhir/$export-status/%s?%s=%d", a.baseURL(c), export.ID, pageParameter, page+1)
		manifest.Link = []jobs.ManifestLink{{Relation: "next", URL: next}}
	}
	return manifest, nil
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
	page, err := strconv.Atoi(text)
	if err != nil || page < 1 || page > 1 && !export.Request.PartialManifests {
		return 0, notFound("the manifest has no such page")
	}
	return page, nil
}
