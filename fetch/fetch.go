// Package fetch copies an export of any server of FHIR Bulk Data Access to a directory, a
// bucket or standard output, and verifies what it received.
//
// A run has four steps: kick-off, polling, downloads, completion. Its state is stored
// with the output, so that a run that was interrupted at any moment continues when it is
// started again. The steps are in packages of their own: login authenticates, remote
// speaks the protocol, transfer downloads one file, output stores. This package orders
// them and keeps the state. It must not know how progress is shown, nor anything of the
// servers of this module: Sluice's own API is one server among others.
package fetch

import (
	"time"

	"github.com/seed-90096f4d/sluice/fetch/login"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/transfer"
)

// Options are the options of a run.
type Options struct {
	// BaseURL is the base URL of the FHIR server. Empty if the run continues one whose
	// state is in Output, or with StatusURL.
	BaseURL string
	// StatusURL is the status URL of an export that was started by other means; no
	// kick-off is sent.
	StatusURL string
	// Request is what the kick-off asks for.
	Request remote.Request
	// Login is how the client authenticates.
	Login login.Options
	// Connection is how servers are reached: CA certificates, timeouts.
	Connection remote.Connection
	// Output receives the files.
	Output output.Output

	// SinceAuto continues the chain of runs of the same request (--since auto).
	SinceAuto bool
	// NewMembers also fetches, without a lower time limit, the patients of a Group that
	// the run before did not see.
	NewMembers bool
	// Deleted is what happens to files of deletions; empty means what the state says, or
	// DeletedKeep.
	Deleted DeletedMode
	// FailOn is the severity of issues in error files from which the run fails; empty means
	// what the state says, or FailOnError.
	FailOn FailOn
	// Keep leaves the export on the server. Without it, the export is deleted there when
	// all files are verified.
	Keep bool
	// ServerNames names files as the server does.
	ServerNames bool

	// Parallel is the maximum number of concurrent downloads.
	Parallel int
	// BytesPerSecond limits the rate of all downloads together; 0 means no limit.
	BytesPerSecond int64
	// Transfer are the options of each download.
	Transfer transfer.Options
	// PollMax is the longest wait between polls, unless the server rejects polls with 429
	// or 503.
	PollMax time.Duration
	// KickOffWait is how long kick-offs rejected with 429 or 503 are repeated.
	KickOffWait time.Duration
	// RetryFor is how long a step is repeated without any progress.
	RetryFor time.Duration
	// Timeout limits the whole run; 0 means no limit.
	Timeout time.Duration

	// Reporter receives what happens. Required.
	Reporter Reporter

	renewInterval time.Duration // of links; 0 means the constant of that name
}

// DeletedMode is what happens to files of deletions.
type DeletedMode string

// The modes of deletions.
const (
	DeletedKeep DeletedMode = "keep" // store the files
	DeletedList DeletedMode = "list" // store the files, and a list of Type/id
	DeletedDrop DeletedMode = "drop" // do not download the files
)

// FailOn is the severity of issues from which a run fails.
type FailOn string

// The severities.
const (
	FailOnError   FailOn = "error"
	FailOnWarning FailOn = "warning"
	FailOnNever   FailOn = "never"
)

// Result is the result of a complete run.
type Result struct {
	// Files, Resources and Bytes count the stored files, including deletions and
	// issues. Resources is the number of lines.
	Files, Resources, Bytes int64
	// Folder is the folder of the run in the output, with a slash at its end; empty unless
	// runs continue a chain.
	Folder          string
	TransactionTime string
	// Deleted is the number of resources in the list of deletions.
	Deleted int64
	Issues  []IssueCount
}

// IssueCount is how often an issue occurs in the error files of an export.
type IssueCount struct {
	Severity string `json:"severity"`
	Text     string `json:"text"`
	Count    int64  `json:"count"`
}
