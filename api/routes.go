package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/bulk"
	"github.com/seed-90096f4d/sluice/api/delivery"
	"github.com/seed-90096f4d/sluice/api/group"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/api/sql"
	"github.com/seed-90096f4d/sluice/audit"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/telemetry"
)

// Handler returns the handler of all routes.
func (a *API) Handler() http.Handler { return a.routes() }

func (a *API) routes() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	engine.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := engine.SetTrustedProxies(a.proxies()); err != nil {
		panic(err) // a prefix that netip has written
	}
	if a.config.Tracer != nil {
		engine.Use(a.trace)
	}
	engine.Use(a.measure, a.identify, a.log, a.cors, a.limitBody)
	engine.NoRoute(a.handle(func(*gin.Context) error { return problem.NotFound("not found") }))
	engine.NoMethod(a.handle(func(*gin.Context) error {
		return &problem.Problem{Status: http.StatusMethodNotAllowed, Code: "not-supported", Text: "method not allowed at this address"}
	}))
	a.routePublic(engine)
	a.routeData(engine)
	a.metrics.prepare(engine.Routes())
	return engine
}

// routePublic adds the routes that need no authentication and return no data.
func (a *API) routePublic(engine *gin.Engine) {
	for _, method := range []string{http.MethodGet, http.MethodHead} { // load balancers use HEAD as well
		engine.Handle(method, "/health", a.handle(a.health))
		engine.Handle(method, "/ready", a.handle(a.ready))
	}
	if !a.config.NoMetrics {
		engine.GET("/metrics", gin.WrapH(telemetry.MetricsHandler(a.config.Registry)))
	}
	engine.GET("/fhir/metadata", a.handle(a.metadata))
	engine.GET(sql.DefinitionPath+":id", a.handle(a.operationDefinition))
	if a.issuesTokens() {
		engine.GET("/.well-known/smart-configuration", a.handle(a.smartConfiguration))
		engine.GET("/fhir/.well-known/smart-configuration", a.handle(a.smartConfiguration))
	}
}

// routeData adds the routes that are audited: those that return data, and the
// token endpoint.
func (a *API) routeData(engine *gin.Engine) {
	if a.issuesTokens() {
		engine.POST("/auth/token", a.audited(audit.Token, a.issueToken))
	}
	engine.GET("/:type/$dump", a.audited(audit.Dump, a.authenticated(a.dump)))
	engine.GET(group.Path, a.audited(audit.Read, a.authenticated(a.groups.Search)))
	engine.GET(group.Path+"/:id", a.audited(audit.Read, a.authenticated(a.groups.Read)))
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		engine.Handle(method, "/fhir/$export", a.audited(audit.KickOff, a.authenticated(a.bulk.KickOff(jobs.SystemLevel))))
		engine.Handle(method, "/fhir/Patient/$export", a.audited(audit.KickOff, a.authenticated(a.bulk.KickOff(jobs.PatientLevel))))
		engine.Handle(method, group.Path+"/:id/$export", a.audited(audit.KickOff, a.authenticated(a.bulk.KickOff(jobs.GroupLevel))))
	}
	engine.GET(bulk.StatusPath+":id", a.audited(audit.Poll, withExport(a.authenticated(a.bulk.Status))))
	engine.DELETE(bulk.StatusPath+":id", a.audited(audit.Cancel, withExport(a.authenticated(a.bulk.Cancel))))
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		engine.Handle(method, delivery.FilesPath+":id/*name", a.audited(audit.Download, withExport(a.authenticated(a.exports.File))))
	}
	a.routeViews(engine)
}

// routeViews adds the routes of SQL on FHIR.
func (a *API) routeViews(engine *gin.Engine) {
	engine.GET(sql.Path, a.audited(audit.Read, a.authenticated(a.views.Search)))
	engine.POST(sql.Path, a.audited(audit.Create, a.authenticated(a.views.Create)))
	engine.GET(sql.Path+"/:id", a.audited(audit.Read, a.authenticated(a.views.Read)))
	engine.PUT(sql.Path+"/:id", a.audited(audit.Update, a.authenticated(a.views.Put)))
	engine.DELETE(sql.Path+"/:id", a.audited(audit.Delete, a.authenticated(a.views.Delete)))
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		engine.Handle(method, sql.RunPath, a.audited(audit.Run, a.authenticated(a.views.Run(false))))
		engine.Handle(method, sql.ExportPath, a.audited(audit.KickOff, a.authenticated(a.views.Export(false))))
		for _, path := range sql.OlderRunPaths {
			engine.Handle(method, path, a.audited(audit.Run, a.authenticated(a.views.Run(true))))
		}
		for _, path := range sql.OlderExportPaths {
			engine.Handle(method, path, a.audited(audit.KickOff, a.authenticated(a.views.Export(true))))
		}
	}
	engine.GET(sql.ExportPath+"/:id/status", a.audited(audit.Poll, withExport(a.authenticated(a.views.Status))))
	engine.DELETE(sql.ExportPath+"/:id/status", a.audited(audit.Cancel, withExport(a.authenticated(a.views.Cancel))))
	engine.GET(sql.ExportPath+"/:id/result", a.audited(audit.Poll, withExport(a.authenticated(a.views.Result))))
}
