package fetch

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/fetch/exportlog"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/transfer"
)

// stateName is the document that has the state of an unfinished run.
const stateName = ".sluice-fetch.json"

// stateVersion changes when older states can no longer be continued.
const stateVersion = 1

// state is what a run needs in order to continue. It has no tokens and no queries of
// links, which may be signatures.
type state struct {
	Version  int       `json:"version"`
	ExportID string    `json:"exportId"`
	Started  time.Time `json:"started"`
	BaseURL  string    `json:"baseUrl,omitempty"`
	// Request is what the options ask for, before a chain sets the lower time limit.
	Request   remote.Request `json:"request"`
	SinceAuto bool           `json:"sinceAuto,omitempty"`
	// NewMembers is Options.NewMembers.
	NewMembers bool `json:"newMembers,omitempty"`
	// These are the Options of these names.
	Deleted     DeletedMode `json:"deleted"`
	FailOn      FailOn      `json:"failOn"`
	Keep        bool        `json:"keep,omitempty"`
	ServerNames bool        `json:"serverNames,omitempty"`
	Plain       bool        `json:"plain,omitempty"`
	// Folder is the folder of the run, with a slash at its end; known with the first page
	// of a manifest.
	Folder string `json:"folder,omitempty"`
	// Members is the file for the members of the Group. Listed reports that it is stored;
	// Joined are the ids of those that the run before did not see.
	Members string   `json:"members,omitempty"`
	Listed  bool     `json:"listed,omitempty"`
	Joined  []string `json:"joined,omitempty"`
	// Pending are events that have no log yet.
	Pending []exportlog.Entry `json:"pending,omitempty"`
	// Exports are the exports on the server that the run consists of, in order.
	Exports []*export `json:"exports"`
	// Completed is set when all files are stored: only steps of finish are missing.
	Completed *completion `json:"completed,omitempty"`
	// Discarding is set before the files of the run are removed.
	Discarding bool `json:"discarding,omitempty"`
	// Lost is the state of a run whose export was lost and that this one replaces. Its files
	// are still to be removed.
	Lost *state `json:"lost,omitempty"`
}

// completion is what the steps of finish need besides the files.
type completion struct {
	Deleted int64        `json:"deleted,omitempty"`
	Issues  []IssueCount `json:"issues,omitempty"`
	// Link is what the chain gets; nil if the run has none.
	Link *chainLink `json:"link,omitempty"`
	// Unused is the list of members that the chain no longer needs.
	Unused string `json:"unused,omitempty"`
}

// role is what an export is for.
type role string

// The roles.
const (
	roleMain    role = "main"        // what was requested
	roleMembers role = "members"     // the members of the Group; nothing is stored
	roleJoined  role = "new members" // all data of members that joined the Group
)

// export is one export on the server, with its files.
type export struct {
	Role      role           `json:"role"`
	Request   remote.Request `json:"request"`
	StatusURL string         `json:"statusUrl"`
	// What its manifest says. Complete reports that all pages are known.
	TransactionTime string  `json:"transactionTime,omitempty"`
	ServerRequest   string  `json:"serverRequest,omitempty"`
	OrganizedBy     string  `json:"organizedBy,omitempty"`
	Complete        bool    `json:"complete,omitempty"`
	Files           []*file `json:"files,omitempty"`
}

// file is a file of an export.
type file struct {
	Section remote.Section `json:"section"`
	Type    string         `json:"type"`
	// Link is the URL without its query, LinkSHA256 the hash of the whole URL.
	Link       string `json:"link"`
	LinkSHA256 string `json:"linkSha256"`
	Count      int64  `json:"count"`
	Size       int64  `json:"size"`
	SHA256     string `json:"sha256,omitempty"`
	// Name is the name in the folder of the run, without .gz.
	Name string `json:"name,omitempty"`
	// Origin describes the response that the partial file is from.
	Origin transfer.Origin `json:"origin,omitzero"`
	// Stored is set when the file is stored and verified.
	Stored *stored `json:"stored,omitempty"`

	earlier bool // known to an earlier call of Run
}

// stored is a stored file. Name is the name in the folder of the run.
type stored struct {
	Name  string `json:"name,omitempty"`
	Lines int64  `json:"lines"`
	// Headers is the number of headers of blocks, which Lines leaves out.
	Headers int64  `json:"headers,omitempty"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256,omitempty"`
}

// newState returns the state of a run that begins.
func newState(o *Options) *state {
	return &state{
		Version:    stateVersion,
		ExportID:   uuid.NewString(),
		Started:    time.Now().UTC().Truncate(time.Second),
		BaseURL:    o.BaseURL,
		Request:    o.Request,
		SinceAuto:  o.SinceAuto,
		NewMembers: o.NewMembers,

		Deleted: cmp.Or(o.Deleted, DeletedKeep), FailOn: cmp.Or(o.FailOn, FailOnError),
		Keep: o.Keep, ServerNames: o.ServerNames, Plain: o.Transfer.Plain,
	}
}

// parseState parses a stored state.
func parseState(content []byte, at output.Output) (*state, error) {
	s := &state{}
	if err := json.Unmarshal(content, s); err != nil {
		return nil, fail(Local, "%s of %s is damaged: %w", stateName, at, err)
	}
	if s.Version != stateVersion || len(s.Exports) == 0 {
		return nil, fail(Local, "%s of %s is from another version of this program: finish the run with that version, or delete the document and begin again", stateName, at)
	}
	return s, nil
}

// export returns the export of a role, or nil before its kick-off.
func (s *state) export(r role) *export {
	for _, x := range s.Exports {
		if x.Role == r {
			return x
		}
	}
	return nil
}

// differs returns what differs between the state and the options of a new run; empty if
// they are the same request.
func (s *state) differs(o *Options) (string, error) {
	if o.BaseURL != "" && s.BaseURL != "" && o.BaseURL != s.BaseURL {
		return "base URL", nil
	}
	if o.StatusURL != "" {
		if main := s.export(roleMain); main == nil || main.StatusURL != o.StatusURL {
			return "status URL", nil
		}
	} else if o.BaseURL != "" {
		same, err := equalJSON(s.Request, o.Request)
		if err != nil || !same {
			return "request", err
		}
		if s.SinceAuto != o.SinceAuto || s.NewMembers != o.NewMembers {
			return "kind of run", nil
		}
	}
	return s.differsInFiles(o), nil
}

// differsInFiles is differs for what is stored. Without a server, the options are those of
// the state, but for what is set.
func (s *state) differsInFiles(o *Options) string {
	whole := o.BaseURL != "" || o.StatusURL != ""
	differs := func(stored, given bool) bool { return stored != given && (whole || given) }
	deleted, failOn := cmp.Or(o.Deleted, s.Deleted), cmp.Or(o.FailOn, s.FailOn)
	if whole {
		deleted, failOn = cmp.Or(o.Deleted, DeletedKeep), cmp.Or(o.FailOn, FailOnError)
	}
	switch {
	case s.Deleted != deleted:
		return "handling of deletions"
	case s.FailOn != failOn:
		return "severity to fail on"
	case differs(s.Keep, o.Keep):
		return "choice to keep the export"
	case differs(s.ServerNames, o.ServerNames):
		return "naming of files"
	case differs(s.Plain, o.Transfer.Plain):
		return "choice of compression"
	}
	return ""
}

// equalJSON reports whether two values have the same JSON.
func equalJSON(a, b any) (bool, error) {
	first, err := json.Marshal(a)
	second, err2 := json.Marshal(b)
	return slices.Equal(first, second), errors.Join(err, err2)
}

// missing returns the number of files that are not stored yet.
func (x *export) missing() (n int) {
	for _, f := range x.Files {
		if f.Stored == nil {
			n++
		}
	}
	return n
}

// done reports whether all files of the export are stored.
func (x *export) done() bool { return x.Complete && x.missing() == 0 }

// String names the file in messages.
func (f *file) String() string {
	if f.Name != "" {
		return f.Name
	}
	return f.Type + " (not stored)"
}
