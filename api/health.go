package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// health answers GET /health: the process is alive.
func (a *API) health(c *gin.Context) error {
	a.writeJSON(c, http.StatusOK, "application/json", gin.H{"status": "ok"})
	return nil
}

// readyTimeout bounds each check of GET /ready.
const readyTimeout = 5 * time.Second

// ready answers GET /ready: everything that requests need is there. Which part
// is missing is told, why only in the log.
func (a *API) ready(c *gin.Context) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), readyTimeout)
	defer cancel()

	status, checks := http.StatusOK, gin.H{}
	for _, check := range a.config.Ready {
		checks[check.Name] = "ok"
		if err := check.Do(ctx); err != nil {
			status, checks[check.Name] = http.StatusServiceUnavailable, "failing"
			a.config.Logger.WarnContext(ctx, "not ready", "check", check.Name, "error", err)
		}
	}
	a.writeJSON(c, status, "application/json", gin.H{"ready": status == http.StatusOK, "checks": checks})
	return nil
}
