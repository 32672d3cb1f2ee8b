package remote

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/seed-90096f4d/sluice/fetch/retry"
)

// Manifest is one page of a manifest.
type Manifest struct {
	TransactionTime     string
	Request             string
	RequiresAccessToken bool
	OrganizedBy         string // outputOrganizedBy: a resource type, or empty
	Files               []File // output, then deleted, then error
}

// Section is a list of files of a manifest.
type Section string

// The sections.
const (
	Output  Section = "output"
	Deleted Section = "deleted"
	Errors  Section = "error"
)

// File is a file of a manifest.
type File struct {
	Section Section
	// Type is the resource type of the lines, and empty if the export is organized by
	// another type. It is Bundle for deletions and OperationOutcome for errors, whatever
	// the server says.
	Type string
	// URL is absolute. It may be signed: it is in no log and in no state with its query.
	URL *url.URL
	// Count is the number of lines, Size the number of bytes (stored or plain: servers
	// differ); -1 if unknown. SHA256 is lower-case hex, or empty.
	Count, Size int64
	SHA256      string
}

// page is one page of a manifest with the link to the next one, which is nil if there is
// none yet.
type page struct {
	*Manifest
	next *url.URL
}

// maxPages ends manifests whose links never do.
const maxPages = 100_000

// trail are the URLs of the pages that were read.
type trail struct{ seen map[string]bool }

func (t *trail) pages() int { return len(t.seen) }

// add adds a page, which must be a new one.
func (t *trail) add(page *url.URL) error {
	switch {
	case t.seen[page.String()]:
		return retry.Permanent(errors.New("the links between the pages of the manifest lead in a circle"))
	case len(t.seen) == maxPages:
		return retry.Permanent(fmt.Errorf("the manifest has more than %d pages", maxPages))
	case t.seen == nil:
		t.seen = map[string]bool{}
	}
	t.seen[page.String()] = true
	return nil
}

// Manifest reads all pages of the manifest again, for new links. While the export runs,
// these are the pages that it has published.
func (s *Server) Manifest(ctx context.Context, statusURL string) ([]*Manifest, error) {
	target, err := parseStatusURL(statusURL)
	if err != nil {
		return nil, err
	}
	var pages []*Manifest
	var trail trail
	for next := target; next != nil; {
		if err := trail.add(next); err != nil {
			return nil, err
		}
		current, err := s.getPage(ctx, next)
		if err != nil {
			return nil, err
		}
		pages, next = append(pages, current.Manifest), current.next
	}
	return pages, nil
}

// getPage requests a page of the manifest and repeats the request if necessary.
func (s *Server) getPage(ctx context.Context, target *url.URL) (*page, error) {
	var result *page
	err := s.repeat(ctx, s.polls(), func() error {
		status, err := s.getStatus(ctx, target, true)
		switch {
		case err != nil:
			return err
		case status.page == nil:
			return &retry.Temporary{Err: errors.New("the server answers the request for the manifest without one"), Asked: status.asked}
		}
		result = status.page
		return nil
	})
	return result, err
}

func parseStatusURL(text string) (*url.URL, error) {
	target, err := url.Parse(text)
	if err != nil || target.Scheme != "http" && target.Scheme != "https" || target.Host == "" {
		return nil, errors.New("the status URL is not an absolute URL of http or https")
	}
	return target, nil
}
