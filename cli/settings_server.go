package cli

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/fhir"
)

// apiSettings are the settings of the API.
type apiSettings struct {
	httpSettings   `group:"http"`
	tlsSettings    `group:"http"`
	formatSettings `group:"formats"`
	accessSettings `group:"access"`
	limitSettings  `group:"limits"`
}

// Validate validates each group.
func (s *apiSettings) Validate() error {
	return validate(&s.httpSettings, &s.tlsSettings, &s.formatSettings, &s.accessSettings, &s.limitSettings)
}

type httpSettings struct {
	Listen         string         `env:"SLUICE_LISTEN" default:"127.0.0.1:8080" help:"Address of the API."`
	BaseURL        string         `name:"base-url" env:"SLUICE_BASE_URL" placeholder:"URL" help:"URL that clients use for the API, such as https://fhir.example.org. Defaults to the one of each request. Required for access tokens."`
	TrustedProxies []netip.Prefix `env:"SLUICE_TRUSTED_PROXIES" placeholder:"ADDRESS" help:"Proxies whose X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host and traceparent are trusted: addresses or networks such as 10.0.0.0/8, separated by commas."`
	CORSOrigins    []string       `name:"cors-origins" env:"SLUICE_CORS_ORIGINS" placeholder:"ORIGIN" help:"Origins whose scripts may use the API from a browser, such as https://app.example.org, separated by commas (* = all)."`
}

// Validate checks the addresses.
func (s *httpSettings) Validate() error {
	if s.BaseURL != "" && !isBaseURL(s.BaseURL) {
		return fmt.Errorf("%s must be a URL such as https://fhir.example.org, got %q", setting("base-url"), s.BaseURL)
	}
	s.BaseURL = strings.TrimRight(s.BaseURL, "/")
	for _, origin := range s.CORSOrigins {
		if origin != "*" && !isOrigin(origin) {
			return fmt.Errorf("%s must be * or origins as browsers send them, such as https://app.example.org, got %q", setting("cors-origins"), origin)
		}
	}
	return nil
}

// isBaseURL reports whether paths can be appended to a URL.
func isBaseURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == ""
}

// isOrigin reports whether a browser can send this as an Origin: a scheme and a host
// in lower case, and a port unless it is the scheme's own.
func isOrigin(origin string) bool {
	u, err := url.Parse(origin)
	ownPort := err == nil && (u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80")
	return err == nil && u.Hostname() != "" && origin == strings.ToLower(u.Scheme+"://"+u.Host) && !ownPort
}

// parseNetwork parses an address or a network.
func parseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return address.Unmap().Prefix(address.Unmap().BitLen())
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("must be an address or a network such as 10.0.0.0/8, got %q", text)
	}
	return prefix.Masked(), nil
}

// processSettings are the settings of every process that runs until it is stopped.
type processSettings struct {
	adminSettings   `group:"http"`
	MetricsClients  bool          `group:"http" env:"SLUICE_METRICS_CLIENTS" help:"Also export metrics with a label for the client, such as sluice_client_exports. Requires --admin-listen."`
	ShutdownTimeout time.Duration `group:"http" env:"SLUICE_SHUTDOWN_TIMEOUT" default:"30s" help:"Time that running requests get to finish after SIGTERM. Parts of exports get ${part_shutdown_timeout} of it; other workers redo the rest."`
}

// Validate checks the timeout, and that clients are not shown where the API is.
func (s *processSettings) Validate() error {
	if s.MetricsClients && s.AdminListen == "" {
		return fmt.Errorf("%s requires %s: the port of the API must not reveal clients", setting("metrics-clients"), setting("admin-listen"))
	}
	return checkPositive("shutdown-timeout", s.ShutdownTimeout)
}

type adminSettings struct {
	AdminListen string `env:"SLUICE_ADMIN_LISTEN" placeholder:"ADDRESS" help:"Address for /metrics, /health, /ready and /debug/pprof/ without credentials, such as 127.0.0.1:9090 (empty = off; the API then serves them itself)."`
}

// listenAdmin opens the admin listener. Without an address it returns nil.
func (s *adminSettings) listenAdmin(ctx context.Context) (net.Listener, error) {
	if s.AdminListen == "" {
		return nil, nil
	}
	return listen(ctx, "admin-listen", s.AdminListen)
}

// listen opens a listener on the address of a flag. Connections wait until they are
// served.
func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting(flag), err)
	}
	return listener, nil
}

type formatSettings struct {
	fhirSettings
	versionIDSettings
}

// versionIDSettings are the settings of meta.versionId.
type versionIDSettings struct {
	MetaVersionID string `name:"meta-version-id" env:"SLUICE_META_VERSION_ID" default:"number" enum:"number,string" help:"Type of meta.versionId in $dump: number, as Aidbox documents it, or string, as its newer releases write it. $export always writes a string."`
}

// asString reports whether meta.versionId is a string in $dump.
func (s *versionIDSettings) asString() bool { return s.MetaVersionID == "string" }

// fhirSettings are the settings of FHIR format.
type fhirSettings struct {
	AttachmentBaseURL string `name:"attachment-base-url" env:"SLUICE_ATTACHMENT_BASE_URL" placeholder:"URL" help:"FHIR server that relative URLs of attachments belong to, such as https://fhir.example.org/fhir. In FHIR format they are written in full (empty = as stored), and in views, absolute references to the server have keys."`
	createdAtSettings
}

// createdAtSettings are the settings of meta.createdAt.
type createdAtSettings struct {
	CreatedAtURL string `name:"created-at-url" env:"SLUICE_CREATED_AT_URL" default:"${created_at_url}" help:"URL of the extension for meta.createdAt in FHIR."`
}

// Validate checks the URL.
func (s *fhirSettings) Validate() error {
	if s.AttachmentBaseURL != "" && !isBaseURL(s.AttachmentBaseURL) {
		return fmt.Errorf("%s must be a URL such as https://fhir.example.org/fhir, got %q", setting("attachment-base-url"), s.AttachmentBaseURL)
	}
	return nil
}

// style returns the settings as the conversion takes them.
func (s *fhirSettings) style() fhir.Style {
	return fhir.Style{AttachmentBaseURL: s.AttachmentBaseURL, CreatedAtURL: s.CreatedAtURL}
}

// style returns the settings as the conversion takes them.
func (s *formatSettings) style() fhir.Style {
	style := s.fhirSettings.style()
	style.VersionIDAsString = s.asString()
	return style
}

// keySettings are the settings of the URLs that clients publish their keys at.
type keySettings struct {
	JWKSAllowInsecure bool `name:"jwks-allow-insecure" env:"SLUICE_JWKS_ALLOW_INSECURE" help:"Allow JWKS URLs that use plain HTTP or resolve to private, local or reserved addresses."`
}

// accessSettings are the settings of access to the API and to files.
type accessSettings struct {
	keySettings
	FileAccess  string        `env:"SLUICE_FILE_ACCESS" default:"presigned" enum:"presigned,proxied" help:"How clients download files: presigned links of the object store, which need no credentials, or proxied by the API with the client's credentials (requiresAccessToken)."`
	LinkTTL     time.Duration `name:"link-ttl" env:"SLUICE_LINK_TTL" default:"1h" help:"Validity of presigned links, at most 7d. Each poll of the status signs new ones. Those of $sql-export work until 24 hours after its end."`
	AuditEvents bool          `env:"SLUICE_AUDIT_EVENTS" help:"Write audit events to the bucket too, as FHIR AuditEvents under audit/."`
}

// maxLinkTTL is the maximum of signature version 4.
const maxLinkTTL = 7 * day

// Validate checks the validity of links.
func (s *accessSettings) Validate() error {
	return checkRange("link-ttl", s.LinkTTL, time.Second, maxLinkTTL)
}
