package api

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// health answers GET /health: the process is alive.
func (a *API) health(c *gin.Context) error {
	a.writeJSON(c, http.StatusOK, "application/json", gin.H{"status": "ok"})
	return nil
}

// ready answers GET /ready: everything that requests need is there. The answer
// names what is missing; the reasons are in the log only.
func (a *API) ready(c *gin.Context) error {
	report := a.config.Ready.Report(c.Request.Context())
	a.writeJSON(c, report.Status(), "application/json", report)
	return nil
}
