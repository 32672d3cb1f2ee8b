package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/fhir"
)

type httpSettings struct {
	Listen        string        `env:"SLUICE_LISTEN" default:"127.0.0.1:8080" help:"The address to answer requests on."`
	BaseURL       string        `name:"base-url" env:"SLUICE_BASE_URL" placeholder:"URL" help:"The address clients know Sluice by. Defaults to the one each request was sent to."`
	MaxDumps      int           `env:"SLUICE_MAX_DUMPS" default:"8" help:"How many synchronous dumps may run at the same time, three quarters of them of one client."`
	DumpReaders   int           `env:"SLUICE_DUMP_READERS" default:"0" help:"How many connections one dump of a large table may read by; 1 means one, 0 one for each processor, up to 4. All dumps together have one each and as many more as one may have."`
	ClientExports int           `env:"SLUICE_CLIENT_EXPORTS" default:"10" help:"How many exports of one client may be accepted or running; 0 means no limit."`
	ReuseExports  bool          `env:"SLUICE_REUSE_EXPORTS" default:"false" help:"Answer a kick-off that equals one of the same client that still runs with that export, in place of a new one."`
	TotalExports  int           `env:"SLUICE_TOTAL_EXPORTS" default:"100" help:"How many exports may be accepted or running in all; 0 means no limit."`
	Files         string        `env:"SLUICE_FILES" default:"links" enum:"links,api" help:"How clients get files: by links that the object store answers to whoever has them, or by the api, with the client's credentials (requiresAccessToken)."`
	CORSOrigins   []string      `name:"cors-origins" env:"SLUICE_CORS_ORIGINS" placeholder:"ORIGIN" help:"The origins whose scripts may use the API from a browser, such as https://app.example.org, separated by commas; * means all."`
	LinkLife      time.Duration `env:"SLUICE_LINK_LIFE" default:"1h" help:"How long a link of a manifest works; each poll signs new ones."`
	StallTimeout  time.Duration `env:"SLUICE_STALL_TIMEOUT" default:"1m" help:"How long a client may take no byte before it is cut off."`
	DrainTimeout  time.Duration `env:"SLUICE_DRAIN_TIMEOUT" default:"30s" help:"How long running requests may go on after the signal to stop."`
}

// listen begins to take connections; they wait until they are served.
func (s *httpSettings) listen(ctx context.Context) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return nil, fmt.Errorf("SLUICE_LISTEN: %w", err)
	}
	return listener, nil
}

// dumps is how many connections dumps may take at the same time.
func (s *httpSettings) dumps() int { return s.MaxDumps }

// maxReaders is as many connections as a dump reads by unless it is told to take
// more: a client's network is seldom faster.
const maxReaders = 4

// spareReaders is how many connections dumps may take besides one each.
func (s *httpSettings) spareReaders() int {
	return cmp.Or(s.DumpReaders, min(runtime.NumCPU(), maxReaders)) - 1
}

// maxLinkLife is what signature version 4 allows.
const maxLinkLife = 7 * 24 * time.Hour

// Validate checks what would else be found out by the first client.
func (s *httpSettings) Validate() error {
	if s.BaseURL != "" && !isAddress(s.BaseURL) {
		return fmt.Errorf("SLUICE_BASE_URL (--base-url) is an address such as https://fhir.example.org, not %q", s.BaseURL)
	}
	s.BaseURL = strings.TrimRight(s.BaseURL, "/")
	for _, origin := range s.CORSOrigins {
		if origin != "*" && !isOrigin(origin) {
			return fmt.Errorf("--cors-origins (SLUICE_CORS_ORIGINS) must be * or origins as browsers send them, such as https://app.example.org, got %q", origin)
		}
	}
	if s.DumpReaders < 0 || s.DumpReaders > maxSlots {
		return fmt.Errorf("SLUICE_DUMP_READERS (--dump-readers) is from 0 to %d", maxSlots)
	}
	if s.ClientExports < 0 {
		return errors.New("SLUICE_CLIENT_EXPORTS (--client-exports) is 0 or more")
	}
	if s.TotalExports < 0 {
		return errors.New("SLUICE_TOTAL_EXPORTS (--total-exports) is 0 or more")
	}
	if s.LinkLife < time.Second || s.LinkLife > maxLinkLife {
		return errors.New("SLUICE_LINK_LIFE (--link-life) is from 1s to 168h, which is what a signature of S3 allows")
	}
	return positive(map[string]time.Duration{
		"SLUICE_STALL_TIMEOUT": s.StallTimeout,
		"SLUICE_DRAIN_TIMEOUT": s.DrainTimeout,
	}, map[string]int{"SLUICE_MAX_DUMPS": s.MaxDumps})
}

type formatSettings struct {
	AttachmentBase string `name:"attachment-base" env:"SLUICE_ATTACHMENT_BASE" placeholder:"URL" help:"The FHIR server that relative URLs of attachments belong to, such as https://fhir.example.org/fhir: exports then have them in full. Without it they stay as they are stored."`
	VersionID      string `name:"version-id" env:"SLUICE_VERSION_ID" default:"number" enum:"number,string" help:"How $dump writes meta.versionId: number, as Aidbox documents it, or string, as its newer releases do. $export always writes a string."`
	CreatedAtURL   string `name:"created-at-url" env:"SLUICE_CREATED_AT_URL" default:"ex:createdAt" help:"The URL of the extension that meta.createdAt becomes in FHIR."`
}

// Validate checks what would else end up in files.
func (s *formatSettings) Validate() error {
	if s.AttachmentBase != "" && !isAddress(s.AttachmentBase) {
		return fmt.Errorf("SLUICE_ATTACHMENT_BASE (--attachment-base) is an address such as https://fhir.example.org/fhir, not %q", s.AttachmentBase)
	}
	return nil
}

func (s *formatSettings) style() fhir.Style {
	return fhir.Style{
		AttachmentBaseURL: s.AttachmentBase,
		CreatedAtURL:      s.CreatedAtURL,
		VersionIDAsString: s.VersionID == "string",
	}
}

// isOrigin reports whether a browser can send this as an Origin: a scheme and a host
// in lower case, and a port unless it is the scheme's own.
func isOrigin(origin string) bool {
	u, err := url.Parse(origin)
	ownPort := err == nil && (u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80")
	return err == nil && u.Hostname() != "" && origin == strings.ToLower(u.Scheme+"://"+u.Host) && !ownPort
}

// isAddress tells whether paths can be put behind a URL.
func isAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == ""
}
