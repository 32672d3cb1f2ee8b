package api

import "github.com/gin-gonic/gin"

// Routes returns all routes for tests that walk them.
func (a *API) Routes() gin.RoutesInfo { return a.routes().Routes() }
