package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/location"
	"github.com/seed-90096f4d/sluice/migrations"
)

// claimLocation compares the location of the process with the recorded one, or records
// it as the first one.
func (s *service) claimLocation(ctx context.Context) error {
	own, err := findLocation(ctx, s.source, s.bucket, s.mappings)
	if err != nil {
		return err
	}
	if own.SystemIdentifier == "" {
		s.logger.WarnContext(ctx, "source server not identified: only its database and schema names are compared between processes",
			"remedy", "GRANT EXECUTE ON FUNCTION pg_control_system() TO the role of the source URL")
	}
	s.location, err = location.Claim(ctx, s.state, own)
	return err
}

// checkLocation compares the current location with the recorded one.
func (s *service) checkLocation(ctx context.Context) error {
	own, err := findLocation(ctx, s.source, s.bucket, s.mappings)
	if err != nil {
		return err
	}
	return location.Check(ctx, s.state, own, s.location)
}

// checkMigrations compares the migrations of the state database and of this program.
func (s *service) checkMigrations(ctx context.Context) error { return migrations.Check(ctx, s.state) }

const (
	// preflightCache is how long a result is reused: there can be hundreds of jobs per
	// second.
	preflightCache = time.Second

	preflightTimeout = 5 * time.Second
)

// preflight checks before each job whether the process may work on it. It is safe for
// concurrent use.
type preflight struct {
	service *service

	mu     sync.Mutex
	began  time.Time // of the check that result is from
	result error
}

// check returns why the process must not work on jobs, or nil. Results are cached. A
// database that cannot be reached is no such reason: the job itself fails then.
func (p *preflight) check(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.began.IsZero() && time.Since(p.began) < preflightCache {
		return p.result
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), preflightTimeout) // other jobs use the result too
	defer cancel()
	p.began, p.result = time.Now(), nil
	err := p.service.checkMigrations(ctx)
	if errors.Is(err, migrations.ErrNewer) {
		p.result = fmt.Errorf("%w: %w", jobs.ErrNewer, err)
	} else if err := p.service.checkLocation(ctx); errors.Is(err, location.ErrDiffers) {
		p.result = fmt.Errorf("%w: %w", jobs.ErrLocationMoved, err)
	}
	return p.result
}
