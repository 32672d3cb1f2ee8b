package remote

import (
	"context"
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
	// Again is called if pages were reported while the export ran, when it is complete: all
	// pages follow once more, since servers may have added files to them. It may be nil if
	// Partial is false.
	Again func()
}

// Await polls the status until the export is complete and all its pages are reported. The
// error is ErrGone or ErrFailed if the server says so, and a *RefusedError if it rejects the
// credentials. After other errors the export may still run.
func (s *Server) Await(ctx context.Context, statusURL string, w Waiting) error {
	target, err := parseStatusURL(statusURL)
	if err != nil {
		return err
	}
	p := &poller{server: s, waiting: w, status: target}
	for polls := 1; ; polls++ {
		status, err := p.poll(ctx)
		if err != nil {
			return err
		}
		p.report(status.progress)
		if status.page != nil {
			if status.complete && p.trail.pages() > 0 {
				p.waiting.Again()
				p.trail, p.last = trail{}, nil
			}
			if err := p.follow(ctx, status.page); err != nil {
				return err
			}
		}
		if status.complete {
			return nil
		}
		if err := retry.Sleep(ctx, s.polls().Wait(polls, status.asked)); err != nil {
			return err
		}
	}
}

// poller is the state of one Await.
type poller struct {
	server   *Server
	waiting  Waiting
	status   *url.URL
	progress string
	trail    trail
	// last is the URL of the last page that is known; nil if that is the status URL itself.
	last *url.URL
}

// poll requests the status and repeats the request if necessary.
func (p *poller) poll(ctx context.Context) (result *status, err error) {
	err = p.server.repeat(ctx, p.server.polls(), func() (err error) {
		result, err = p.server.getStatus(ctx, p.status, p.waiting.Partial)
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

// follow reports the pages that are new. first is the page at the status URL. While the
// export runs, a page should not change but for the link to the next one, so that the last
// known page is where new ones appear.
func (p *poller) follow(ctx context.Context, first *page) error {
	current := first
	if p.trail.pages() == 0 {
		if err := p.trail.add(p.status); err != nil {
			return err
		}
		if err := p.waiting.Page(first.Manifest); err != nil {
			return err
		}
	} else if p.last != nil {
		var err error
		if current, err = p.server.getPage(ctx, p.last); err != nil {
			return err
		}
	}
	for current.next != nil {
		p.last = current.next
		if err := p.trail.add(p.last); err != nil {
			return err
		}
		var err error
		if current, err = p.server.getPage(ctx, p.last); err != nil {
			return err
		}
		if err := p.waiting.Page(current.Manifest); err != nil {
			return err
		}
	}
	return nil
}
