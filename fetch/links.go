package fetch

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/retry"
)

// renewInterval is the shortest time between two readings of a manifest for new links,
// unless Options has another one. The first one does not wait.
const renewInterval = time.Minute

// links are the current links of the files of an export. They are not stored: their
// queries may be signatures.
type links struct {
	journal  *journal
	export   *export
	server   *remote.Server
	interval time.Duration

	turn chan struct{} // has one element while nobody renews links

	mu        sync.Mutex
	current   map[*file]*url.URL
	authorize bool
	// generation counts the readings of the manifest for new links, renewed is when the
	// last one was.
	generation int
	renewed    time.Time
	// fixed reports that the last reading changed no link.
	fixed bool
}

func newLinks(r *run, x *export) *links {
	l := &links{journal: r.journal, export: x, server: r.server, interval: cmp.Or(r.renewInterval, renewInterval), turn: make(chan struct{}, 1), current: map[*file]*url.URL{}}
	l.turn <- struct{}{}
	return l
}

// set sets the links of files.
func (l *links) set(authorize bool, matches []match) (changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.authorize = authorize
	for _, m := range matches {
		if old := l.current[m.file]; old == nil || *old != *m.link {
			changed = true
		}
		l.current[m.file] = m.link
	}
	return changed
}

// renew reads the manifest again unless that has happened since a generation.
func (l *links) renew(ctx context.Context, since int) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-l.turn:
	}
	defer func() { l.turn <- struct{}{} }()

	l.mu.Lock()
	generation, fixed, wait := l.generation, l.fixed, l.interval-time.Since(l.renewed)
	l.mu.Unlock()
	if generation > since {
		return nil
	}
	if fixed && wait > 0 {
		return errors.New("the manifest was read again and has the same link")
	}
	if err := retry.Sleep(ctx, wait); err != nil {
		return err
	}
	pages, err := l.server.Manifest(ctx, l.export.StatusURL)
	if err != nil {
		return asRefusedLogin(err)
	}
	return l.replace(pages)
}

// replace takes all links from a manifest.
func (l *links) replace(pages []*remote.Manifest) (err error) {
	changed := false
	l.journal.update(func(*state) {
		merge := newMerging(l.export, false, true)
		var matches []match
		if matches, err = merge.add(pages); err == nil {
			changed = l.set(requireToken(pages), matches)
			err = merge.end()
		}
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.generation++
	l.renewed = time.Now()
	l.fixed = !changed
	return err
}

// requireToken reports whether downloads of files of a manifest need the access token.
func requireToken(pages []*remote.Manifest) bool {
	return slices.ContainsFunc(pages, func(p *remote.Manifest) bool { return p.RequiresAccessToken })
}

// fileLinks are the links of one file; it implements transfer.Links.
type fileLinks struct {
	*links
	file *file
	seen int // the generation of the link that was last returned
}

// Link returns the current link.
func (l *fileLinks) Link() (link *url.URL, authorize bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = l.generation
	return l.current[l.file], l.authorize
}

// Renew waits for a newer link.
func (l *fileLinks) Renew(ctx context.Context) error { return l.renew(ctx, l.seen) }
