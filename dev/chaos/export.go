package chaos

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"
)

// endPatience is how long an export may take in all, faults included.
const endPatience = 4 * time.Minute

// export is one export under test.
type export struct {
	field  *field
	id     string
	begun  time.Time
	oracle *oracle
	rest   func() // ends the oracle's watch
}

// kickOff starts an export and has the oracle read along.
func (f *field) kickOff(ctx context.Context, since string) (*export, error) {
	query := url.Values{"_type": {typeNames()}}
	if since != "" {
		query.Set("_since", since)
	}
	begun := time.Now()
	answer, err := f.ask(ctx, http.MethodGet, f.base+"/fhir/$export?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("kick off: %w", err)
	}
	if err := answer.Body.Close(); err != nil {
		return nil, fmt.Errorf("kick off: %w", err)
	}
	if answer.StatusCode != http.StatusAccepted {
		return nil, fmt.Errorf("kick off: %s", answer.Status)
	}
	e := &export{field: f, id: path.Base(answer.Header.Get("Content-Location")), begun: begun}
	e.oracle = &oracle{field: f, id: e.id, seen: map[string]bool{}, states: map[int]map[version]bool{}}

	watching, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { e.oracle.watch(watching) })
	e.rest = func() { cancel(); watch.Wait() }
	return e, nil
}

func typeNames() string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = kind.name
	}
	return strings.Join(names, ",")
}

// stage is where an export stands.
type stage struct {
	state       string
	generation  int
	snapshot    string
	total, done int
	attempts    int    // the most that a part of it needed
	failure     string // why, if it failed
}

func (s stage) over() bool { return s.state != "accepted" && s.state != "running" }

const stageSQL = `
SELECT state::text, generation, coalesce(snapshot, ''), parts_total, parts_done,
  (SELECT coalesce(max(attempt), 0) FROM sluice.part WHERE export_id = e.id), coalesce(failure, '')
FROM sluice.export e WHERE id = $1`

func (e *export) stage(ctx context.Context) (s stage, err error) {
	err = e.field.db.QueryRow(ctx, stageSQL, e.id).
		Scan(&s.state, &s.generation, &s.snapshot, &s.total, &s.done, &s.attempts, &s.failure)
	return s, err
}

// untilStage waits until the export has come as far as reached says, or is over.
func (e *export) untilStage(ctx context.Context, patience time.Duration, what string, reached func(stage) bool) (last stage, err error) {
	err = until(ctx, patience, what, func(ctx context.Context) (bool, error) {
		now, err := e.stage(ctx)
		if err != nil {
			return false, err
		}
		last = now
		return reached(now) || now.over(), nil
	})
	return last, err
}

// untilShare waits until a share of the parts, between 0 and 1, is done, and
// until the oracle has read what they show.
func (e *export) untilShare(ctx context.Context, share float64) error {
	now, err := e.untilStage(ctx, readyPatience, "the export's middle", func(s stage) bool {
		_, err := e.oracle.of(s.generation)
		return err == nil && s.total > 0 && float64(s.done) >= share*float64(s.total)
	})
	if err == nil && now.over() {
		err = fmt.Errorf("the export was %s before the fault could strike", now.state)
	}
	return err
}

func (e *export) untilEnd(ctx context.Context) (stage, error) {
	return e.untilStage(ctx, endPatience, "the export's end", stage.over)
}

const holderSQL = `
SELECT a.pid, a.usename FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'virtualxid' AND l.virtualxid = $1`

// holder returns the session that holds the export's snapshot, and the worker of that
// session. The name of a snapshot begins with the transaction that exported it.
func (e *export) holder(ctx context.Context) (pid int, worker *service, err error) {
	var name string
	err = until(ctx, readyPatience, "the snapshot's holder", func(ctx context.Context) (bool, error) {
		now, err := e.stage(ctx)
		if err != nil {
			return false, err
		}
		var process, transaction, number int
		if _, err := fmt.Sscanf(now.snapshot, "%X-%X-%d", &process, &transaction, &number); err != nil {
			return false, fmt.Errorf("read the snapshot's name %q: %w", now.snapshot, err)
		}
		err = e.field.db.QueryRow(ctx, holderSQL, fmt.Sprintf("%d/%d", process, transaction)).Scan(&pid, &name)
		return err == nil, err
	})
	if err != nil {
		return 0, nil, err
	}
	worker, err = e.field.worker(name)
	return pid, worker, err
}

// A reader's session is busy with a part. The holder's is of another worker.
const readerSQL = `
SELECT usename FROM pg_stat_activity
WHERE application_name = 'sluice (sluice reader)' AND state <> 'idle' AND usename <> $1 AND usename LIKE 'worker%' LIMIT 1`

// reader returns a worker that reads a part and does not hold the snapshot.
func (e *export) reader(ctx context.Context) (*service, error) {
	_, holder, err := e.holder(ctx)
	if err != nil {
		return nil, err
	}
	var name string
	err = until(ctx, readyPatience, "a worker that reads a part", func(ctx context.Context) (bool, error) {
		err := e.field.db.QueryRow(ctx, readerSQL, holder.name).Scan(&name)
		return err == nil, err
	})
	if err != nil {
		return nil, err
	}
	return e.field.worker(name)
}
