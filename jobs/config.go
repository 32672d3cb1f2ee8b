package jobs

import "cmp"

// DefaultWindow is how many parts of one export are queued or running at most.
const DefaultWindow = 16

// Config bounds what exports may take. Processes that share a state database
// should have the same.
type Config struct {
	// ClientExports bounds the exports of one client that are accepted or
	// running. 0 means no limit.
	ClientExports int

	// ClientStoredBytes bounds the bytes that the exports of one client have in
	// the bucket when it kicks off another. 0 means no limit.
	ClientStoredBytes int64

	// ClientStoredExports bounds the exports of one client that are accepted or
	// running or have files in the bucket. 0 means no limit.
	ClientStoredExports int

	// Location is the version of the recorded location that the process reads from
	// and writes to. 0 if none is recorded.
	Location int

	// ReuseRunning answers a kick-off that equals one of the same client whose
	// export has not ended with that export, in place of another.
	ReuseRunning bool

	// TotalExports bounds the exports that are accepted or running, whoever
	// started them. 0 means no limit.
	TotalExports int

	// Window bounds the parts of one export that are queued or running. A
	// smaller one lets a small export end sooner beside a large one; one that is
	// smaller than the slots of all workers leaves slots idle while a single
	// export runs. Defaults to DefaultWindow.
	Window int
}

func (c Config) withDefaults() Config {
	c.Window = cmp.Or(c.Window, DefaultWindow)
	return c
}
