// Package api is the HTTP face of Sluice: routes, parameters in, FHIR answers
// out.
//
// A $dump is streamed while the database reads; a kick-off is written down for
// the worker and answered at once. Whatever is refused gets an
// OperationOutcome. The api must not know how rows become lines (dump) nor how
// exports are worked off (worker).
package api

import (
	"cmp"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/auth/smart"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/limit"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/telemetry"
)

// Defaults of Config.
const (
	DefaultRequestTimeout = 10 * time.Second
	DefaultStallTimeout   = time.Minute
)

// Config is what an API works with.
type Config struct {
	// Audit gets a line for each request that takes data, or that may not.
	// Defaults to Logger.
	Audit *slog.Logger

	// AuditBucket, if set, gets the same as FHIR AuditEvents, under audit/.
	AuditBucket *storage.Bucket

	// BaseURL is the address clients know Sluice by, without a slash at the
	// end. Empty means the one each request was sent to.
	BaseURL string

	// Bucket signs the links of manifests.
	Bucket *storage.Bucket

	// ClientDumps, ClientKickOffs and ClientRequests are how many dumps,
	// kick-offs and requests of any kind one client may begin a minute, and as
	// many at once. 0 means no limit.
	ClientDumps, ClientKickOffs, ClientRequests int

	// Clients knows who may ask.
	Clients *auth.Clients

	// CORSOrigins are the origins, such as https://app.example.org, whose scripts
	// may use the API from a browser; * means all. Empty means none.
	CORSOrigins []string

	// DrainTimeout is how long running requests may go on when the server
	// stops; then they are cut.
	DrainTimeout time.Duration

	// Dumps bounds how many synchronous dumps run at the same time, three
	// quarters of them of one client; each takes a connection to the source.
	Dumps int

	// Exports is where kick-offs are written down.
	Exports *jobs.Store

	// Failures is the maximum number of failed logins per minute, per address and
	// per client. 0 means no limit.
	Failures int

	// GuardFiles gives files through Sluice, to the export's client alone, in
	// place of links that the object store answers to whoever has them.
	GuardFiles bool

	// LinkLife is how long a signed link works.
	LinkLife time.Duration

	// Logger gets a line for each request. Defaults to slog's.
	Logger *slog.Logger

	// Proxies are those whose X-Forwarded-For, -Proto and -Host are believed.
	Proxies []netip.Prefix

	// Ready answers GET /ready. Defaults to one without checks.
	Ready *telemetry.Readiness

	// Registry gets the API's metrics. Defaults to one of its own.
	Registry *prometheus.Registry

	// NoMetrics leaves out GET /metrics: another listener serves the Registry.
	NoMetrics bool

	// RequestTimeout is how long a client may take to send the head of a request,
	// and its body. Defaults to DefaultRequestTimeout.
	RequestTimeout time.Duration

	// ResourceTypes are the resource types of FHIR.
	ResourceTypes []string

	// Source is the database of the FHIR tables.
	Source *source.Source

	// StallTimeout is how long a client may take no byte of an answer before it
	// is cut off. Defaults to DefaultStallTimeout.
	StallTimeout time.Duration

	// Style adjusts the format of resources. Its AttachmentBaseURL applies to
	// $export only, and its VersionIDAsString to $dump only: $export always
	// writes a string.
	Style fhir.Style

	// TLS, if set, is how connections are encrypted. It must not offer HTTP/2,
	// whose streams end without the last chunk that tells a broken dump from a
	// whole one.
	TLS *tls.Config

	// Tokens issues access tokens. Nil means that there are none, only HTTP Basic.
	Tokens *smart.Tokens

	// Version is that of the software, for the CapabilityStatement. Defaults to
	// "unknown".
	Version string
}

func (c Config) withDefaults() Config {
	c.Logger = cmp.Or(c.Logger, slog.Default())
	c.Audit = cmp.Or(c.Audit, c.Logger)
	if c.Ready == nil {
		c.Ready = telemetry.NewReadiness(c.Logger)
	}
	if c.Registry == nil {
		c.Registry = telemetry.NewRegistry()
	}
	c.RequestTimeout = cmp.Or(c.RequestTimeout, DefaultRequestTimeout)
	c.StallTimeout = cmp.Or(c.StallTimeout, DefaultStallTimeout)
	c.Version = cmp.Or(c.Version, "unknown")
	return c
}

// API answers requests.
type API struct {
	config       Config
	bodies       *limit.Semaphore // large ones that are being read
	dumps        *limit.Semaphore // that are running
	groupReads   *limit.Semaphore // that are running
	capabilities capabilityCache
	exportable   exportable
	metrics      *metrics
	running      *runningRequests
	started      time.Time
	trail        *trail

	logins *limit.Logins // failed ones

	// Rates of requests, by client or, for polls, by export.
	dumpRate    *limit.RateLimiter
	kickOffRate *limit.RateLimiter
	pollRate    *limit.RateLimiter
	requestRate *limit.RateLimiter
}

// New returns an API; Handler and Serve put it to work.
func New(cfg Config) *API {
	cfg = cfg.withDefaults()
	return &API{
		config:      cfg,
		bodies:      limit.NewSemaphore(maxLargeBodies, maxClientBodies),
		dumps:       limit.NewSemaphore(cfg.Dumps, (3*cfg.Dumps+3)/4),
		groupReads:  limit.NewSemaphore(maxGroupReads, maxClientGroupReads),
		logins:      limit.NewLogins(cfg.Failures),
		dumpRate:    limit.NewPerMinute(cfg.ClientDumps),
		kickOffRate: limit.NewPerMinute(cfg.ClientKickOffs),
		requestRate: limit.NewPerMinute(cfg.ClientRequests),
		metrics:     newMetrics(cfg.Registry),
		running:     &runningRequests{all: map[*running]struct{}{}},
		pollRate:    limit.New(pollsPerSecond, pollBurst),
		started:     time.Now(),
		trail:       newTrail(cfg.AuditBucket, cfg.Logger),
	}
}

// Handler returns all routes.
func (a *API) Handler() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	engine.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := engine.SetTrustedProxies(a.proxies()); err != nil {
		panic(err) // a prefix that netip has written
	}
	engine.Use(a.identify, a.audit, a.log, a.recover, a.cors, a.hurry)
	engine.NoRoute(a.handle(func(*gin.Context) error { return notFound("there is nothing at this address") }))
	engine.NoMethod(a.handle(func(*gin.Context) error { return methodNotAllowed() }))

	// Load balancers ask by HEAD as well.
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		engine.Handle(method, "/health", a.handle(a.health))
		engine.Handle(method, "/ready", a.handle(a.ready))
	}
	if !a.config.NoMetrics {
		engine.GET("/metrics", gin.WrapH(telemetry.MetricsHandler(a.config.Registry)))
	}

	if a.servesTokens() {
		engine.POST("/auth/token", a.token)
		engine.GET("/.well-known/smart-configuration", a.handle(a.smartConfiguration))
		engine.GET("/fhir/.well-known/smart-configuration", a.handle(a.smartConfiguration))
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		engine.Handle(method, filesPath+":id/*name", a.handle(a.authenticated(a.file)))
	}

	engine.GET("/:type/$dump", a.handle(a.authenticated(a.dump)))
	engine.GET("/fhir/metadata", a.handle(a.metadata))
	engine.GET(groupsPath, a.handle(a.authenticated(a.groups)))
	engine.GET(groupsPath+"/:id", a.handle(a.authenticated(a.group)))
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		engine.Handle(method, "/fhir/$export", a.handle(a.authenticated(a.exportSystem)))
		engine.Handle(method, "/fhir/Patient/$export", a.handle(a.authenticated(a.exportPatients)))
		engine.Handle(method, groupsPath+"/:id/$export", a.handle(a.authenticated(a.exportGroup)))
	}
	engine.GET("/fhir/$export-status/:id", a.handle(a.authenticated(a.status)))
	engine.DELETE("/fhir/$export-status/:id", a.handle(a.authenticated(a.cancel)))
	return engine
}

// isStandard tells whether FHIR knows the resource type.
func (a *API) isStandard(resourceType string) bool {
	return slices.Contains(a.config.ResourceTypes, resourceType)
}

// baseURL is the address the client knows Sluice by.
func (a *API) baseURL(c *gin.Context) string {
	if a.config.BaseURL != "" {
		return a.config.BaseURL
	}
	return a.origin(c)
}
