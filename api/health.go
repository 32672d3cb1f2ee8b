package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
)

// health answers GET /health: the process is alive.
func (a *API) health(c *gin.Context) error {
	endpoint.WriteJSON(c, http.StatusOK, endpoint.ContentTypeJSON, gin.H{"status": "ok"})
	return nil
}

// ready answers GET /ready: the databases and the object store are available. The
// response names what is not; the reasons are in the log and on the admin listener only.
func (a *API) ready(c *gin.Context) error {
	report := a.config.Ready.Report(c.Request.Context()).Public()
	endpoint.WriteJSON(c, report.Status(), endpoint.ContentTypeJSON, report)
	return nil
}
