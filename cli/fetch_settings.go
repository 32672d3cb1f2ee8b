package cli

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/seed-90096f4d/sluice/fetch"
	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/transfer"
)

// fetchConnection are the flags of how servers are reached.
type fetchConnection struct {
	CAFile string `name:"ca-file" env:"SLUICE_FETCH_CA_FILE" placeholder:"FILE" type:"path" help:"File with CA certificates (PEM) in addition to those of the system."`
}

const (
	connectTimeout  = 30 * time.Second
	responseTimeout = 2 * time.Minute
	stallTimeout    = time.Minute
)

// connection returns how servers are reached.
func (c *fetchConnection) connection() remote.Connection {
	return remote.Connection{
		CAFile: c.CAFile, ConnectTimeout: connectTimeout, ResponseTimeout: responseTimeout,
		UserAgent: "sluice/" + currentVersion(),
	}
}

// checkServer returns an error unless a URL is one of a server. The error does not contain
// it: it may have a password.
func checkServer(name, text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%s must be a URL such as https://example.org/fhir", name)
	case u.User != nil:
		return fmt.Errorf("%s must not contain a password: use --client-id and --secret-file", name)
	}
	return nil
}

// fetchFiles are the flags of what is stored.
type fetchFiles struct {
	Verify      string            `default:"full" enum:"full,size,none" help:"What is verified of each file: full (number of resources, size, sha256, gzip, resource type), size (and sha256 of the stored bytes, nothing is unpacked), or none."`
	Strict      bool              `help:"Verify the resource type of every line, not only of the first."`
	Plain       bool              `help:"Store ndjson without compression."`
	ServerNames bool              `help:"Name files as the server does, not Type.0001.ndjson.gz."`
	Deleted     fetch.DeletedMode `default:"" enum:",keep,list,drop" placeholder:"keep" help:"What happens to deletions: keep the files (default), list (keep them, and write deleted.txt with a line Type/id for each), or drop."`
	FailOn      fetch.FailOn      `default:"" enum:",error,warning,never" placeholder:"error" help:"Severity of issues reported by the server from which the exit code is 7: error (default), warning or never."`
	Keep        bool              `help:"Keep the export on the server."`
}

// Validate checks the flags.
func (f *fetchFiles) Validate() error {
	if f.Strict && f.Verify != "full" {
		return errors.New("--strict requires --verify full")
	}
	return nil
}

// setFiles sets the options of what is stored.
func (f *fetchFiles) setFiles(o *fetch.Options) {
	o.Deleted, o.FailOn, o.Keep, o.ServerNames = f.Deleted, f.FailOn, f.Keep, f.ServerNames
	o.Transfer.Plain, o.Transfer.Verify = f.Plain, transfer.Verification(f.Verify)
	if f.Strict {
		o.Transfer.Verify = transfer.Strict
	}
}

// fetchTransfer are the flags of how requests and downloads are repeated and limited.
type fetchTransfer struct {
	Parallel  int           `short:"j" default:"4" help:"Maximum concurrent downloads. Fewer run while the server rejects or delays them."`
	LimitRate size          `placeholder:"SIZE" help:"Maximum bytes per second of all downloads together, such as 20MB. Default: unlimited."`
	Wait      time.Duration `default:"1h" help:"How long the kick-off is repeated while the server is too busy (429, 503)."`
	PollMax   time.Duration `default:"5m" help:"Longest wait between requests for the status."`
	RetryFor  time.Duration `default:"30m" help:"How long a request or a download is repeated without any progress."`
	Timeout   time.Duration `default:"0" help:"Limit for the whole command (0 = unlimited)."`
}

// maxParallel limits concurrent downloads: more only make servers reject them.
const maxParallel = 64

// Validate checks the flags.
func (f *fetchTransfer) Validate() error {
	if f.Parallel < 1 || f.Parallel > maxParallel {
		return fmt.Errorf("--parallel must be between 1 and %d, got %d", maxParallel, f.Parallel)
	}
	for _, d := range []struct {
		flag           string
		value, minimum time.Duration
	}{{"--wait", f.Wait, 0}, {"--poll-max", f.PollMax, time.Second}, {"--retry-for", f.RetryFor, time.Second}, {"--timeout", f.Timeout, 0}} {
		if d.value < d.minimum {
			return fmt.Errorf("%s must be at least %s, got %s", d.flag, d.minimum, d.value)
		}
	}
	return nil
}

// setTransfer sets the options of repetitions and limits.
func (f *fetchTransfer) setTransfer(o *fetch.Options) {
	o.Parallel, o.BytesPerSecond = f.Parallel, int64(f.LimitRate)
	o.KickOffWait, o.PollMax, o.RetryFor, o.Timeout = f.Wait, f.PollMax, f.RetryFor, f.Timeout
	o.Transfer.StallTimeout = stallTimeout
}
