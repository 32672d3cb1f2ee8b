package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/dev/postgres"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

const (
	// replicaDelay is how far one of two standbys is behind.
	replicaDelay = "recovery_min_apply_delay = '500ms'"

	exportsAtOnce = 10
	dumpsAtOnce   = 4
)

var (
	severalReaders = []string{"SLUICE_MAX_CONNECTIONS_PER_DUMP=3"}
	slowReaders    = []string{"SLUICE_READ_BYTES_PER_SECOND=256KiB"} // so that there is a middle
)

// replicas are two servers of the same origin behind a balancer.
type replicas struct {
	balancer *balancer
	servers  []*postgres.Server
	pools    []*pgxpool.Pool
}

func (r *replicas) address(i int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.servers[i].Port))
}

// onTwoStandbys runs exports and dumps while the product reads from two hot standbys
// behind a balancer, one of which is behind the other.
func (f *field) onTwoStandbys(each int) func(context.Context) (outcome, error) {
	return func(ctx context.Context) (outcome, error) {
		return f.onReplicas(ctx, severalReaders, func(ctx context.Context, r *replicas) (outcome, error) {
			if err := configure(ctx, r.servers[1], replicaDelay); err != nil {
				return outcome{}, err
			}
			defer whileWriting(ctx, func(ctx context.Context) { exchangeTwins(ctx, f.db) })()
			return f.exportAndDump(ctx, each)
		})
	}
}

// onTwoClones does the same with two standbys that were promoted and are written to,
// each for itself.
func (f *field) onTwoClones(each int) func(context.Context) (outcome, error) {
	return func(ctx context.Context) (outcome, error) {
		return f.onReplicas(ctx, severalReaders, func(ctx context.Context, r *replicas) (outcome, error) {
			for i, server := range r.servers {
				if err := server.Exec(ctx, "postgres", "SELECT pg_promote()"); err != nil {
					return outcome{}, err
				}
				defer whileWriting(ctx, func(ctx context.Context) { write(ctx, r.pools[i]) })()
				defer whileWriting(ctx, func(ctx context.Context) { exchangeTwins(ctx, r.pools[i]) })()
			}
			return f.exportAndDump(ctx, each)
		})
	}
}

// stopReplica stops the one of two standbys that holds the snapshot. The export has
// to restart on the other.
func stopReplica(_ context.Context, r *replicas, holder int) error {
	r.balancer.lead(r.address(1 - holder))
	return r.servers[holder].Stop()
}

// promoteReplica promotes the one that holds the snapshot, which stays valid.
func promoteReplica(ctx context.Context, r *replicas, holder int) error {
	return r.servers[holder].Exec(ctx, "postgres", "SELECT pg_promote()")
}

// onOneOfTwo has something happen to the one of two standbys that holds the snapshot
// of an export, in its middle, and expects that many generations of it.
func (f *field) onOneOfTwo(generations int, happen func(context.Context, *replicas, int) error) func(context.Context) (outcome, error) {
	return func(ctx context.Context) (outcome, error) {
		return f.onReplicas(ctx, slowReaders, func(ctx context.Context, r *replicas) (outcome, error) {
			o, err := f.strike(ctx, fault{strike: func(ctx context.Context, e *export) error {
				if err := e.untilShare(ctx, 0.1); err != nil {
					return err
				}
				holder, err := r.holderOf(ctx, e)
				if err != nil {
					return err
				}
				return happen(ctx, r, holder)
			}})
			if err == nil && o.generations != generations {
				err = fmt.Errorf("the export needed %d snapshots, and should need %d", o.generations, generations)
			}
			return o, err
		})
	}
}

// holderOf returns the server that holds the export's snapshot.
func (r *replicas) holderOf(ctx context.Context, e *export) (int, error) {
	now, err := e.stage(ctx)
	if err != nil {
		return 0, err
	}
	for i, pool := range r.pools {
		server, err := serverOf(ctx, pool)
		if err != nil {
			return 0, err
		}
		if strings.HasSuffix(now.snapshot, "@"+server) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no server holds the snapshot %s", now.snapshot)
}

// whileWriting runs write until end is called.
func whileWriting(ctx context.Context, write func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var writing sync.WaitGroup
	writing.Go(func() { write(ctx) })
	return func() { cancel(); writing.Wait() }
}

// onReplicas runs do while the product reads from two standbys behind a balancer.
func (f *field) onReplicas(ctx context.Context, settings []string, do func(context.Context, *replicas) (outcome, error)) (o outcome, failed error) {
	if err := f.makeTwins(ctx); err != nil {
		return o, err
	}
	r := &replicas{}
	for i := range 2 {
		server, remove, err := f.stand.StartStandby(ctx, fmt.Sprintf("standby-%d", i+1))
		if err != nil {
			return o, err
		}
		defer func() { failed = errors.Join(failed, remove()) }()
		pool, err := connect(ctx, server.URL(stand.Database))
		if err != nil {
			return o, err
		}
		defer pool.Close()
		r.servers, r.pools = append(r.servers, server), append(r.pools, pool)
	}
	var err error
	if r.balancer, err = startBalancer(ctx, r.address(0), r.address(1)); err != nil {
		return o, err
	}
	defer func() { failed = errors.Join(failed, r.balancer.close()) }()

	f.data = r.pools
	defer func() { f.data = []*pgxpool.Pool{f.db} }()
	restore, err := f.readFrom(ctx, r.balancer.port(), slices.Concat(settings, []string{standbyMargin}))
	defer func() { failed = errors.Join(failed, restore()) }()
	if err != nil {
		return o, err
	}
	return do(ctx, r)
}

// exportAndDump runs exports and as many dumps, several of each at the same time,
// and sums up what became of them.
func (f *field) exportAndDump(ctx context.Context, each int) (o outcome, err error) {
	var mu sync.Mutex
	var errs []error
	var running sync.WaitGroup
	run := func(atOnce int, one func(context.Context) (outcome, error)) {
		turns := make(chan struct{}, each)
		for range each {
			turns <- struct{}{}
		}
		close(turns)
		for range atOnce {
			running.Go(func() {
				for range turns {
					became, err := one(ctx)
					mu.Lock()
					o.add(became)
					errs = append(errs, err)
					mu.Unlock()
				}
			})
		}
	}
	run(exportsAtOnce, func(ctx context.Context) (outcome, error) { return f.strike(ctx, faults[0]) })
	run(dumpsAtOnce, f.dumpTwins)
	running.Wait()
	return o, errors.Join(errs...)
}
