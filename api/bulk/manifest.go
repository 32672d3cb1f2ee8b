package bulk

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/delivery"
	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/manifest"
)

// manifest answers with the manifest of a completed export, or a page of it, and of a
// running one with a page of the files that it has published (Bulk Data 3.0.0,
// "allowPartialManifests"). As long as there are none, the response has no body. The
// links are signed for this response, and none is valid longer than its file exists.
func (e *Exports) manifest(call *endpoint.Call, export jobs.Export, page int) error {
	life, ok := e.config.Delivery.LinkLife(export)
	if !ok {
		return delivery.Expired()
	}
	status := http.StatusAccepted
	if export.State == jobs.Completed {
		status = http.StatusOK
	}
	files, next, err := e.listFiles(call, export, page)
	switch {
	case errors.Is(err, jobs.ErrNotFound) && status == http.StatusAccepted && page == 1:
		call.Status(pollStatus(call, export, status))
		return nil
	case errors.Is(err, jobs.ErrNotFound):
		return noPage()
	case err != nil:
		return problem.Unavailable(err)
	}
	if status == http.StatusOK {
		delivery.SetExpires(call, life)
	}
	call.Header("Content-Type", endpoint.ContentTypeJSON)
	call.Status(pollStatus(call, export, status))
	return e.config.Delivery.SendManifest(call, export, files, life, func(w io.Writer, link func(jobs.File) (string, error)) error {
		return manifest.Write(w, export, files, manifest.Options{RequiresAccessToken: e.config.Delivery.RequireToken(), Next: next, URL: link})
	})
}

// listFiles returns the files of a page of the manifest, and the URL of the next
// page, if there is one. Most exports have one page.
func (e *Exports) listFiles(call *endpoint.Call, export jobs.Export, page int) (files jobs.Files, next string, err error) {
	if err := e.config.Store.CheckLocation(call.Ctx()); err != nil {
		return files, "", err // the links would lead to the former location
	}
	more := false
	if export.Request.PartialManifests {
		files, more, err = e.config.Store.Page(call.Ctx(), export, page)
	} else {
		files, err = e.config.Store.Files(call.Ctx(), export.ID)
	}
	if more {
		next = fmt.Sprintf("%s%s%s?%s=%d", call.BaseURL, StatusPath, export.ID, pageParameter, page+1)
	}
	return files, next, err
}

// pageParameter is the query parameter of the links between pages.
const pageParameter = "page"

// parsePage returns the requested page of the manifest. Only exports with partial
// manifests have more than one.
func parsePage(c *gin.Context, export jobs.Export) (int, error) {
	text := c.Query(pageParameter)
	if text == "" {
		return 1, nil
	}
	page, err := strconv.ParseInt(text, 10, 32)
	if err != nil || page < 1 || page > 1 && !export.Request.PartialManifests {
		return 0, noPage()
	}
	return int(page), nil
}

func noPage() error { return problem.NotFound("the manifest has no such page") }
