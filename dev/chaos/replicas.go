package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/dev/postgres"
	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/product"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

const (
	// marginSetting is the longest duration of a transaction that the product assumes. The
	// transactions of the writers are shorter. The data is older, so that a chained export
	// does not contain everything.
	marginSetting = "SLUICE_SOURCE_COMMIT_MARGIN=1m"
	// slowSetting makes exports last long enough for a fault in the middle.
	slowSetting = "SLUICE_READ_BYTES_PER_SECOND=256KiB"

	concurrentExports = 10
	concurrentDumps   = 4
)

// replicas are hot standbys behind a balancer.
type replicas struct {
	balancer *balancer
	servers  []*postgres.Server
	pools    []*pgxpool.Pool
}

func (r *replicas) addresses() (all []string) {
	for _, server := range r.servers {
		all = append(all, net.JoinHostPort("127.0.0.1", strconv.Itoa(server.Port)))
	}
	return all
}

// onStandbys runs do while the product reads from hot standbys behind a balancer.
func (h *harness) onStandbys(ctx context.Context, count int, settings []string, do func(context.Context, *replicas) (outcome, error)) (o outcome, err error) {
	r := &replicas{}
	for i := range count {
		server, remove, startErr := h.stand.Postgres.StartStandby(ctx, filepath.Join(h.stand.Dir, fmt.Sprintf("standby-%d", i+1)))
		if startErr != nil {
			return o, startErr
		}
		defer func() { err = errors.Join(err, remove()) }()
		pool, connectErr := connect(ctx, server.URL(stand.Database))
		if connectErr != nil {
			return o, connectErr
		}
		defer pool.Close()
		r.servers, r.pools = append(r.servers, server), append(r.pools, pool)
	}
	if r.balancer, err = startBalancer(ctx, r.addresses()); err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, r.balancer.close()) }()

	h.sources = r.pools
	defer func() { h.sources = []*pgxpool.Pool{h.db} }()
	restore, err := h.readFrom(ctx, r.balancer.port(), append([]string{marginSetting}, settings...))
	defer func() { err = errors.Join(err, restore()) }()
	if err != nil {
		return o, err
	}
	return do(ctx, r)
}

// readFrom restarts the product with the source on another port and with additional
// settings. restore restarts it as it was.
func (h *harness) readFrom(ctx context.Context, port int, settings []string) (restore func() error, err error) {
	services := append([]*product.Service{h.api}, h.workers...)
	previous := make([][]string, len(services))
	primary, other := fmt.Sprintf(":%d/", h.stand.Postgres.Port), fmt.Sprintf(":%d/", port)
	for i, s := range services {
		previous[i] = s.Env
		s.Env = append(s.Env[:len(s.Env):len(s.Env)], settings...) // the last value of a name counts
		for _, entry := range previous[i] {
			if strings.HasPrefix(entry, sourceSetting) {
				s.Env = append(s.Env, strings.Replace(entry, primary, other, 1))
			}
		}
		err = errors.Join(err, s.Restart())
	}
	restore = func() error {
		var errs []error
		for i, s := range services {
			s.Env = previous[i]
			errs = append(errs, s.Restart())
		}
		return errors.Join(errs...)
	}
	if err == nil {
		err = h.api.WaitReady(ctx)
	}
	return restore, err
}

// An export is backdated by the margin at least, from when its snapshot was taken, which
// is later than the kick-off: on a busy machine, by many seconds.
const withoutMarginSQL = `
SELECT count(*) FROM sluice.export
WHERE created_at > $1 AND transaction_time > created_at - interval '15 s'`

// chainOnStandby is chain with a hot standby as the source, and the state in the primary.
func (h *harness) chainOnStandby(ctx context.Context) (outcome, error) {
	started := time.Now()
	return h.onStandbys(ctx, 1, nil, func(ctx context.Context, _ *replicas) (outcome, error) {
		o, err := h.chain(ctx)
		if err != nil {
			return o, err
		}
		var count int
		if err := h.db.QueryRow(ctx, withoutMarginSQL, started).Scan(&count); err != nil {
			return o, fmt.Errorf("check transactionTime: %w", err)
		}
		if count > 0 {
			err = fmt.Errorf("%d exports have a transactionTime without the margin", count)
		}
		return o, err
	})
}

// conflictOnStandby makes the standby terminate, once, in the middle of an export, all
// sessions that still see rows removed on the primary. The export has to restart.
func (h *harness) conflictOnStandby(ctx context.Context) (outcome, error) {
	return h.onStandbys(ctx, 1, []string{slowSetting}, func(ctx context.Context, r *replicas) (outcome, error) {
		o, err := h.strikeAt(ctx, 0.1, func(ctx context.Context, e *export) error { return e.conflict(ctx, r.servers[0]) })
		if err == nil && o.generations < 2 {
			err = errors.New("the export was not restarted")
		}
		return o, err
	})
}

func (e *export) conflict(ctx context.Context, standby *postgres.Server) error {
	before, err := e.stage(ctx)
	if err != nil {
		return err
	}
	if err := configure(ctx, standby, "hot_standby_feedback = off", "max_standby_streaming_delay = 0"); err != nil {
		return err
	}
	_, err = e.waitStage(ctx, readyTimeout, "the export to lose its snapshot", func(now stage) bool {
		for _, kind := range kinds {
			if _, err := e.harness.db.Exec(ctx, "VACUUM "+kind.name); err != nil {
				return false
			}
		}
		return now.generation > before.generation
	})
	return errors.Join(err, configure(ctx, standby, "hot_standby_feedback = on", "max_standby_streaming_delay = -1"))
}

// configure changes settings of a running server.
func configure(ctx context.Context, server *postgres.Server, settings ...string) error {
	for _, setting := range settings {
		if err := server.Exec(ctx, "postgres", "ALTER SYSTEM SET "+setting); err != nil {
			return err
		}
	}
	return server.Exec(ctx, "postgres", "SELECT pg_reload_conf()")
}

func promote(ctx context.Context, server *postgres.Server) error {
	return server.Exec(ctx, "postgres", "SELECT pg_promote()")
}

// onHolder injects a fault into the one of two standbys that holds the snapshot of an
// export, in the middle of it, and expects that the export needs a number of generations.
func (h *harness) onHolder(generations int, inject func(context.Context, *replicas, int) error) func(context.Context) (outcome, error) {
	return func(ctx context.Context) (outcome, error) {
		return h.onStandbys(ctx, 2, []string{slowSetting}, func(ctx context.Context, r *replicas) (outcome, error) {
			o, err := h.strikeAt(ctx, 0.1, func(ctx context.Context, e *export) error {
				holder, err := r.holder(ctx, e)
				if err != nil {
					return err
				}
				return inject(ctx, r, holder)
			})
			if err == nil && o.generations != generations {
				err = fmt.Errorf("the export needed %d snapshots, expected %d", o.generations, generations)
			}
			return o, err
		})
	}
}

// holder returns the index of the server that holds the export's snapshot.
func (r *replicas) holder(ctx context.Context, e *export) (int, error) {
	now, err := e.stage(ctx)
	if err != nil {
		return 0, err
	}
	for i, pool := range r.pools {
		server, err := serverID(ctx, pool)
		if err != nil {
			return 0, err
		}
		if strings.HasSuffix(now.snapshot, "@"+server) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no server holds the snapshot %s", now.snapshot)
}

// stopReplica stops the holder. The export has to restart on the other standby.
func stopReplica(_ context.Context, r *replicas, holder int) error {
	r.balancer.setTargets(r.addresses()[1-holder])
	return r.servers[holder].Stop()
}

// promoteReplica promotes the holder, whose snapshot stays valid.
func promoteReplica(ctx context.Context, r *replicas, holder int) error {
	return promote(ctx, r.servers[holder])
}

// loadReplicas runs exports and as many dumps, several at the same time, while the product
// reads from two standbys that prepare makes differ. prepare returns the writers.
func (h *harness) loadReplicas(each int, prepare func(context.Context, *replicas) ([]func(context.Context), error)) func(context.Context) (outcome, error) {
	return func(ctx context.Context) (o outcome, err error) {
		if err := h.createPairs(ctx); err != nil {
			return o, err
		}
		return h.onStandbys(ctx, 2, []string{"SLUICE_MAX_CONNECTIONS_PER_DUMP=3"}, func(ctx context.Context, r *replicas) (outcome, error) {
			writers, err := prepare(ctx, r)
			if err != nil {
				return outcome{}, err
			}
			defer background(ctx, writers...)()
			return h.exportAndDump(ctx, each)
		})
	}
}

func (h *harness) delayStandby(ctx context.Context, r *replicas) ([]func(context.Context), error) {
	err := configure(ctx, r.servers[1], "recovery_min_apply_delay = '500ms'")
	return []func(context.Context){exchangePairs(h.db)}, err
}

// promoteAll promotes both standbys, which are then written to independently.
func (h *harness) promoteAll(ctx context.Context, r *replicas) (writers []func(context.Context), err error) {
	for i, server := range r.servers {
		err = errors.Join(err, promote(ctx, server))
		pool := r.pools[i]
		writers = append(writers, func(ctx context.Context) { write(ctx, pool) }, exchangePairs(pool))
	}
	return writers, err
}

func (h *harness) exportAndDump(ctx context.Context, each int) (o outcome, err error) {
	var mu sync.Mutex
	run := func(limit int, one func(context.Context) (outcome, error)) func(context.Context) {
		return func(context.Context) {
			var group errgroup.Group
			group.SetLimit(limit)
			for range each {
				group.Go(func() error {
					result, oneErr := one(ctx)
					mu.Lock()
					defer mu.Unlock()
					o.add(result)
					err = errors.Join(err, oneErr)
					return nil
				})
			}
			_ = group.Wait() // err has all errors
		}
	}
	var both sync.WaitGroup
	for _, do := range []func(context.Context){
		run(concurrentExports, func(ctx context.Context) (outcome, error) { return h.strike(ctx, nil) }),
		run(concurrentDumps, h.dumpPairs),
	} {
		both.Go(func() { do(ctx) })
	}
	both.Wait()
	return o, err
}

const (
	positionSQL = `SELECT pg_current_wal_lsn()::text`

	replayedSQL = `SELECT NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= $1::pg_lsn`
)

// waitReplayed waits until the source shows all that has been committed.
func (h *harness) waitReplayed(ctx context.Context) error {
	var position string
	if err := h.db.QueryRow(ctx, positionSQL).Scan(&position); err != nil {
		return fmt.Errorf("read the log's position: %w", err)
	}
	return process.Poll(ctx, readyTimeout, "the standby to catch up", func(ctx context.Context) (replayed bool, err error) {
		err = h.sources[0].QueryRow(ctx, replayedSQL, position).Scan(&replayed)
		return replayed, err
	})
}
