package api

import (
	"cmp"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/auth/smart"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/telemetry"
	"github.com/seed-90096f4d/sluice/view/store"
)

// Defaults of Config.
const (
	DefaultRequestTimeout = 10 * time.Second
	DefaultStallTimeout   = time.Minute
)

// Config configures an API.
type Config struct {
	// Audit gets a line for each request that receives data, or tries to. Defaults
	// to Logger.
	Audit *slog.Logger

	// AuditBucket, if set, gets the same events as FHIR AuditEvents, under audit/.
	AuditBucket *storage.Bucket

	// BaseURL is the public URL of the server, without a trailing slash. If it is
	// empty, the URL of each request is used.
	BaseURL string

	// Bucket holds the files of exports.
	Bucket *storage.Bucket

	// ClientDumps, ClientKickOffs and ClientRequests are the maximum numbers of
	// dumps, kick-offs and requests of any kind per minute and client. 0 means no
	// limit.
	ClientDumps, ClientKickOffs, ClientRequests int

	// Clients are the registered clients.
	Clients *auth.Clients

	// ClientResources, unless nil, counts the resources or rows that each client receives
	// by $dump and $sql-run, with the labels client and via (dump or run).
	ClientResources *prometheus.CounterVec

	// CORSOrigins are the origins, such as https://app.example.org, whose scripts
	// may use the API from a browser; * means all. Empty means none.
	CORSOrigins []string

	// ShutdownTimeout is how long running requests may continue when the server
	// stops. Then they are cut off.
	ShutdownTimeout time.Duration

	// Dumps is the maximum number of concurrent dumps, three quarters of them of
	// one client. Each uses a connection to the source.
	Dumps int

	// Exports records exports.
	Exports *jobs.Store

	// LoginFailuresPerMinute is the maximum number of failed logins, per address and
	// per client. 0 means no limit.
	LoginFailuresPerMinute int

	// ProxyFiles serves files through Sluice, to the export's client only, instead
	// of signed links to the object store, which anyone can use.
	ProxyFiles bool

	// LinkTTL is how long a signed link is valid.
	LinkTTL time.Duration

	// Logger gets a line for each request. Defaults to slog's.
	Logger *slog.Logger

	// NoMetrics omits GET /metrics, for a Registry that another listener serves.
	NoMetrics bool

	// Proxies are the trusted proxies, whose headers X-Forwarded-For, -Proto and
	// -Host are used.
	Proxies []netip.Prefix

	// Ready answers GET /ready. Defaults to one without checks.
	Ready *telemetry.Readiness

	// Registry gets the API's metrics. Defaults to a new one.
	Registry *prometheus.Registry

	// RequestTimeout bounds the time in which a client must send the header of a
	// request, and its body. Defaults to DefaultRequestTimeout.
	RequestTimeout time.Duration

	// ResourceTypes are the resource types of FHIR.
	ResourceTypes endpoint.ResourceTypes

	// Source is the database of the FHIR tables.
	Source *source.Source

	// StallTimeout is how long a client may accept no byte of a response before it
	// is disconnected. Defaults to DefaultStallTimeout.
	StallTimeout time.Duration

	// Style adjusts the format of resources. Its AttachmentBaseURL applies to
	// $export only, and its VersionIDAsString to $dump only: $export always
	// writes a string.
	Style fhir.Style

	// TLS, if set, encrypts connections. It must not offer HTTP/2, in which a
	// truncated dump cannot be distinguished by the missing last chunk.
	TLS *tls.Config

	// Tokens issues access tokens. Nil means HTTP Basic only.
	Tokens *smart.Tokens

	// Tracer starts a trace for each request, but for those of health checks and metrics.
	// Nil means none.
	Tracer trace.Tracer

	// Version is the version of the software, for the CapabilityStatement and the
	// footer of Parquet. Defaults to "unknown".
	Version string

	// Views are the stored ViewDefinitions.
	Views *store.Store
}

func (c Config) withDefaults() Config {
	c.Logger = cmp.Or(c.Logger, slog.Default())
	c.Audit = cmp.Or(c.Audit, c.Logger)
	c.Version = cmp.Or(c.Version, "unknown")
	if c.Ready == nil {
		c.Ready = telemetry.NewReadiness(c.Logger)
	}
	if c.Registry == nil {
		c.Registry = telemetry.NewRegistry(c.Version)
	}
	c.RequestTimeout = cmp.Or(c.RequestTimeout, DefaultRequestTimeout)
	c.StallTimeout = cmp.Or(c.StallTimeout, DefaultStallTimeout)
	return c
}
