package fetch

import "time"

// Reporter receives what happens during a run. Its methods are called concurrently and
// must not block.
type Reporter interface {
	// Report receives an event.
	Report(event Event)
	// Total is called when the number of files and of their bytes are known, and again
	// when they grow. Bytes is 0 if the sizes are unknown.
	Total(files, bytes int64)
	// Begin is called when the download of a file begins. The result receives its bytes.
	Begin(file FileInfo) FileReporter
}

// FileInfo describes a file that is downloaded.
type FileInfo struct {
	Name string
	// Bytes is the size of the transfer; 0 if it is unknown.
	Bytes int64
}

// FileReporter receives the progress of one file.
type FileReporter interface {
	// Total receives the size of the transfer when it is known.
	Total(bytes int64)
	// Add receives the number of bytes that were received.
	Add(bytes int)
	// Reset says that the file continues at a number of bytes, or begins again at 0.
	Reset(bytes int64)
	// End is called when the transfer ends. The error is nil if the file is verified, which
	// then has a number of resources.
	End(resources int64, err error)
}

// Event is something that happened. Names and details are defined by the log of the SMART
// bulk data client ("bulk export log"): kickoff, status_progress, status_complete,
// status_page_complete, status_error, manifest_complete, download_request,
// download_complete, download_error, export_complete. Besides them, there is warning.
type Event struct {
	Name     string
	Time     time.Time
	ExportID string // the same over all continuations of a run
	Details  map[string]any
	// Text is the event as one sentence; empty if it is of no interest to people.
	Text string
}

// The names of events.
const (
	EventKickOff          = "kickoff"
	EventProgress         = "status_progress"
	EventStatusComplete   = "status_complete"
	EventPage             = "status_page_complete"
	EventStatusError      = "status_error"
	EventManifest         = "manifest_complete"
	EventDownloadRequest  = "download_request"
	EventDownloadComplete = "download_complete"
	EventDownloadError    = "download_error"
	EventExportComplete   = "export_complete"
	EventWarning          = "warning"
)
