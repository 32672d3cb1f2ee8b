package chaos

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/product"
)

// endTimeout is the maximum duration of an export, including faults.
const endTimeout = 4 * time.Minute

// export is an export under test.
type export struct {
	harness    *harness
	id         string
	started    time.Time
	oracle     *oracle
	stopOracle func()
}

// kickOff starts an export, and its oracle.
func (h *harness) kickOff(ctx context.Context, since string) (*export, error) {
	query := url.Values{"_type": {typeNames()}}
	if since != "" {
		query.Set("_since", since)
	}
	started := time.Now()
	id, err := h.client.KickOff(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("kick off: %w", err)
	}
	return h.watched(ctx, id, started), nil
}

// kickOffTables starts an export of tables that can be joined, and its oracle.
func (h *harness) kickOffTables(ctx context.Context) (*export, product.TableExport, error) {
	started := time.Now()
	tables, err := h.client.KickOffTables(ctx, "ndjson", organizationsView, locationsView)
	if err != nil {
		return nil, tables, err
	}
	return h.watched(ctx, tables.ID, started), tables, nil
}

// watched returns a running export with its oracle.
func (h *harness) watched(ctx context.Context, id string, started time.Time) *export {
	e := &export{harness: h, id: id, started: started}
	e.oracle = &oracle{harness: h, id: id, seen: map[string]bool{}, snapshots: map[int]map[version]bool{}}
	e.stopOracle = background(ctx, e.oracle.watch)
	return e
}

func typeNames() string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = kind.name
	}
	return strings.Join(names, ",")
}

// stage is the progress of an export.
type stage struct {
	state       string
	generation  int
	snapshot    string
	total, done int
	attempts    int    // the largest number of attempts of a part
	failure     string // the reason if it failed
}

func (s stage) ended() bool { return s.state != "accepted" && s.state != "running" }

const stageSQL = `
SELECT state::text, generation, coalesce(snapshot, ''), parts_total, parts_done,
  (SELECT coalesce(max(attempt), 0) FROM sluice.part WHERE export_id = e.id), coalesce(failure, '')
FROM sluice.export e WHERE id = $1`

func (e *export) stage(ctx context.Context) (s stage, err error) {
	err = e.harness.db.QueryRow(ctx, stageSQL, e.id).
		Scan(&s.state, &s.generation, &s.snapshot, &s.total, &s.done, &s.attempts, &s.failure)
	return s, err
}

// waitStage waits until the export has reached a stage, or has ended.
func (e *export) waitStage(ctx context.Context, timeout time.Duration, what string, reached func(stage) bool) (last stage, err error) {
	err = process.Poll(ctx, timeout, what, func(ctx context.Context) (bool, error) {
		now, err := e.stage(ctx)
		if err != nil {
			return false, err
		}
		last = now
		return reached(now) || now.ended(), nil
	})
	return last, err
}

// waitShare waits until a share of the parts, between 0 and 1, is done, and until the
// oracle has read the snapshot.
func (e *export) waitShare(ctx context.Context, share float64) error {
	now, err := e.waitStage(ctx, readyTimeout, "the export's middle", func(s stage) bool {
		_, err := e.oracle.versions(s.generation)
		return err == nil && s.total > 0 && float64(s.done) >= share*float64(s.total)
	})
	if err == nil && now.ended() {
		err = fmt.Errorf("the export was %s before the fault could be injected", now.state)
	}
	return err
}

func (e *export) waitEnd(ctx context.Context) (stage, error) {
	return e.waitStage(ctx, endTimeout, "the export's end", stage.ended)
}

const holderSQL = `
SELECT a.pid, a.usename FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'virtualxid' AND l.virtualxid = $1`

// holder returns the session that holds the export's snapshot, and the worker of that
// session. The name of a snapshot begins with the transaction that exported it.
func (e *export) holder(ctx context.Context) (pid int, worker *product.Service, err error) {
	var name string
	err = process.Poll(ctx, readyTimeout, "the snapshot's holder", func(ctx context.Context) (bool, error) {
		now, err := e.stage(ctx)
		if err != nil {
			return false, err
		}
		var process, transaction, number int
		if _, err := fmt.Sscanf(now.snapshot, "%X-%X-%d", &process, &transaction, &number); err != nil {
			return false, fmt.Errorf("read the snapshot's name %q: %w", now.snapshot, err)
		}
		err = e.harness.db.QueryRow(ctx, holderSQL, fmt.Sprintf("%d/%d", process, transaction)).Scan(&pid, &name)
		return err == nil, err
	})
	if err != nil {
		return 0, nil, err
	}
	worker, err = e.harness.worker(name)
	return pid, worker, err
}

// A reader's session is active. $1 is the holder.
const readerSQL = `
SELECT usename FROM pg_stat_activity
WHERE application_name = 'sluice (sluice reader)' AND state <> 'idle' AND usename <> $1 AND usename LIKE 'worker%' LIMIT 1`

// reader returns a worker that reads a part and does not hold the snapshot.
func (e *export) reader(ctx context.Context) (*product.Service, error) {
	_, holder, err := e.holder(ctx)
	if err != nil {
		return nil, err
	}
	var name string
	err = process.Poll(ctx, readyTimeout, "a worker that reads a part", func(ctx context.Context) (bool, error) {
		err := e.harness.db.QueryRow(ctx, readerSQL, holder.Name).Scan(&name)
		return err == nil, err
	})
	if err != nil {
		return nil, err
	}
	return e.harness.worker(name)
}
