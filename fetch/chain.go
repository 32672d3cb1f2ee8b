package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// chainName is the document with the chains of an output. There is one chain for each
// request; a request that changes begins a new one, in full.
const chainName = "chain.json"

// chain is the chain of a request.
type chain struct {
	last *chainLink // the last run of this request; nil if there was none
	key  string
}

// chainDocument is chainName.
type chainDocument struct {
	Chains []*chainLink `json:"chains"`
}

// chainLink is the last complete run of a request. Only what identifies the request and
// Refused are set if there was none.
type chainLink struct {
	// Key identifies the request.
	Key        string         `json:"key"`
	BaseURL    string         `json:"baseUrl"`
	Request    remote.Request `json:"request"`
	NewMembers bool           `json:"newMembers,omitempty"`
	// DropDeletions reports that the runs do not keep deletions.
	DropDeletions bool `json:"dropDeletions,omitempty"`
	// TransactionTime is the lower time limit of the next run.
	TransactionTime string    `json:"transactionTime"`
	Folder          string    `json:"folder"`
	Runs            int       `json:"runs"`
	Completed       time.Time `json:"completed"`
	// Members is the file with the members of the Group.
	Members string `json:"members,omitempty"`
	// Refused is the folder of a later run that was stored, but has issues that FailOn
	// does not accept. The chain does not move: what the issues are about may be missing.
	Refused string `json:"refused,omitempty"`
}

// folders returns the folders of the last runs.
func (l *chainLink) folders() []string {
	return slices.DeleteFunc([]string{l.Folder, l.Refused}, func(folder string) bool { return folder == "" })
}

// readChains returns the chains of an output.
func readChains(ctx context.Context, out output.Output) (chainDocument, error) {
	var document chainDocument
	stored, err := out.ReadDocument(ctx, chainName)
	if errors.Is(err, output.ErrNotExist) {
		return document, nil
	}
	if err == nil {
		err = json.Unmarshal(stored, &document)
	}
	if err != nil {
		return document, fail(Local, "read %s: %w", chainName, err)
	}
	return document, nil
}

// openChain finds the chain of the request.
func (r *run) openChain(ctx context.Context) error {
	if !r.SinceAuto {
		return nil
	}
	document, err := readChains(ctx, r.Output)
	if err != nil {
		return err
	}
	key, err := r.chainKey()
	if err != nil {
		return err
	}
	r.chain = &chain{key: key}
	for _, link := range document.Chains {
		if link.Key == key {
			r.chain.last = link
		}
	}
	return nil
}

// chainKey returns a hash of what decides which resources and deletions are stored.
func (r *run) chainKey() (string, error) {
	request := r.Request
	request.Method, request.Partial, request.Lenient = "", false, false
	for _, list := range []*[]string{&request.Types, &request.TypeFilters, &request.Elements, &request.Patients, &request.Include} {
		*list = slices.Sorted(slices.Values(*list))
	}
	text, err := json.Marshal([]any{r.BaseURL, request, r.NewMembers, r.Deleted == DeletedDrop})
	if err != nil {
		return "", fmt.Errorf("identify the chain: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}

// mainRequest returns the request of the main export.
func (r *run) mainRequest() remote.Request {
	request := r.Request
	if r.chain != nil && r.chain.last != nil {
		request.Since = r.chain.last.TransactionTime
	}
	return request
}

// nextLink returns what the chain gets from a run, and the list of members that is not
// used any more. The next run begins where this one ends, or, if the run is refused because
// of its issues, where this one began.
func (r *run) nextLink(s *state, refused bool) (link *chainLink, unused string) {
	link = &chainLink{Key: r.chain.key, BaseURL: r.BaseURL, Request: r.Request, NewMembers: r.NewMembers, DropDeletions: r.Deleted == DeletedDrop}
	last := r.chain.last
	if refused {
		if last != nil {
			*link = *last
		}
		link.Refused = s.Folder
		return link, s.Members
	}
	link.TransactionTime, link.Folder, link.Members = s.export(roleMain).TransactionTime, s.Folder, s.Members
	link.Runs, link.Completed = 1, time.Now().UTC().Truncate(time.Second)
	if last != nil {
		link.Runs, unused = last.Runs+1, last.Members
	}
	return link, unused
}

// writeLink stores the chain of the request; nil is none.
func (r *run) writeLink(ctx context.Context, link *chainLink) error {
	if link == nil {
		return nil
	}
	document, err := readChains(ctx, r.Output)
	if err != nil {
		return err
	}
	chains := slices.DeleteFunc(document.Chains, func(other *chainLink) bool { return other.Key == link.Key })
	text, err := json.MarshalIndent(chainDocument{Chains: append(chains, link)}, "", "  ")
	if err == nil {
		err = r.Output.WriteDocument(ctx, chainName, append(text, '\n'))
	}
	if err != nil {
		return fail(Local, "store %s: %w", chainName, err)
	}
	return nil
}
