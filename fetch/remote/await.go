package remote

import (
	"context"
	"fmt"
	"net/url"

	"github.com/seed-90096f4d/sluice/fetch/retry"
)

// Waiting are the options of Await.
type Waiting struct {
	// Partial says that the export was requested with partial manifests: its pages are
	// reported while it runs. The manifest of another export has its files when it is
	// complete.
	Partial bool
	// Progress is called when the text of X-Progress has changed. It may be nil.
	Progress func(text string)
	// Page is called once for each page of the manifest, in order. Its error ends Await.
	Page func(*Manifest) error
}

// Await polls the status until the export is complete and all its pages are reported. The
// error is ErrGone or ErrFailed if the server says so, and a *RefusedError if it rejects the
// credentials. After other errors the export may still run.
func (s *Server) Await(ctx context.Context, statusURL string, w Waiting) error {
	target, err := parseStatusURL(statusURL)
	if err != nil {
		return err
	}
	p := &poller{server: s, waiting: w}
	for polls := 1; ; polls++ {
		status, err := p.poll(ctx, target)
		if err != nil {
			return err
		}
		p.report(status.progress)
		if status.page != nil {
			if err := p.follow(ctx, status.page); err != nil {
				return err
			}
		}
		if status.complete {
			return nil
		}
		wait := s.backoff().Next(polls)
		if status.asked {
			wait = s.asked(status.after)
		}
		if err := retry.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// poller is the state of one Await.
type poller struct {
	server   *Server
	waiting  Waiting
	progress string
	// pages is the number of pages that are known, and last the URL of the last one; nil
	// if that is the status URL itself.
	pages int
	last  *url.URL
}

// poll requests the status and repeats the request if necessary.
func (p *poller) poll(ctx context.Context, target *url.URL) (result *status, err error) {
	err = p.server.repeat(ctx, p.server.limits.RetryFor, func() (err error) {
		result, err = p.server.getStatus(ctx, target, p.waiting.Partial)
		return err
	})
	return result, err
}

// report reports the text of X-Progress if it has changed.
func (p *poller) report(text string) {
	if text == "" || text == p.progress {
		return
	}
	p.progress = text
	if p.waiting.Progress != nil {
		p.waiting.Progress(text)
	}
}

// follow reports the pages that are new. first is the page at the status URL. A page never
// changes but for the link to the next one, so that the last known page is where new ones
// appear.
func (p *poller) follow(ctx context.Context, first *page) error {
	current := first
	if p.pages == 0 {
		if err := p.add(first, nil); err != nil {
			return err
		}
	} else if p.last != nil {
		var err error
		if current, err = p.server.getPage(ctx, p.last); err != nil {
			return err
		}
	}
	for current.next != nil {
		next, err := p.server.getPage(ctx, current.next)
		if err != nil {
			return err
		}
		if err := p.add(next, current.next); err != nil {
			return err
		}
		current = next
	}
	return nil
}

// add reports a page.
func (p *poller) add(page *page, location *url.URL) error {
	p.pages++
	p.last = location
	if p.pages > maxPages {
		return fmt.Errorf("the manifest has more than %d pages", maxPages)
	}
	return p.waiting.Page(page.Manifest)
}
