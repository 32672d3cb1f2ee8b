package worker

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
)

// progressEvery is how often a running part writes down how far it is.
const progressEvery = time.Second

// progress writes down how far a part is, beside the reading of it.
type progress struct {
	read atomic.Int64
	stop func()
}

// startProgress begins to write down what note is told, until stop.
func startProgress(ctx context.Context, store *jobs.Store, part jobs.Part, logger *slog.Logger) *progress {
	ctx, cancel := context.WithCancel(ctx)
	var ended sync.WaitGroup
	p := &progress{stop: func() { cancel(); ended.Wait() }}

	ended.Go(func() {
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			// The part does not suffer when its progress can't be noted.
			if err := store.Progress(ctx, part, p.read.Load()); err != nil && ctx.Err() == nil {
				logger.WarnContext(ctx, "progress not noted", "part", part.ObjectKey, "error", err)
			}
		}
	})
	return p
}

// note takes dump's count of stored bytes.
func (p *progress) note(_, storedBytes int64) { p.read.Store(storedBytes) }
