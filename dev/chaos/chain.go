package chaos

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// lateHeadStart is how long before the first export the late transaction begins.
const lateHeadStart = 1500 * time.Millisecond

// chain runs an export and one of what changed since. A transaction that began
// before the first, and wrote, commits after it. Together the files must hold
// every version that was current at the end of either.
func (f *field) chain(ctx context.Context) (o outcome, err error) {
	config := f.db.Config().ConnConfig.Copy()
	config.RuntimeParams["application_name"] = "chaos late writer"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return o, fmt.Errorf("connect the late writer: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // the commit's error is told
	late, err := conn.Begin(ctx)
	if err != nil {
		return o, fmt.Errorf("begin late: %w", err)
	}
	// An id that no other writer touches.
	if _, err := late.Exec(ctx, fmt.Sprintf(createSQL, strings.ToLower(kinds[0].name)), "patient-late-"+fmt.Sprint(conn.PgConn().PID())); err != nil {
		return o, fmt.Errorf("write late: %w", err)
	}
	// Snapshots may be dated back a little; it must be older than that.
	if err := pause(ctx, lateHeadStart); err != nil {
		return o, err
	}

	first, err := f.kickOff(ctx, "")
	if err != nil {
		return o, err
	}
	defer first.rest()
	one, made, files, err := f.finish(ctx, first)
	if err != nil {
		return one, err
	}
	if err := late.Commit(ctx); err != nil {
		return o, fmt.Errorf("commit late: %w", err)
	}
	if err := f.untilReplayed(ctx); err != nil {
		return o, err
	}
	f.proxy.set(fine)
	return f.second(ctx, made.TransactionTime, files)
}

// second runs the export that follows on the files of a first.
func (f *field) second(ctx context.Context, since string, files map[version]int) (o outcome, err error) {
	e, err := f.kickOff(ctx, since)
	if err != nil {
		return o, err
	}
	defer e.rest()
	end, err := e.untilEnd(ctx)
	if err != nil {
		return o, err
	}
	e.rest()
	if end.state != "completed" {
		return o, fmt.Errorf("the export %s: %s", end.state, end.failure)
	}
	state, err := e.oracle.of(end.generation)
	if err != nil {
		return o, err
	}
	f.proxy.set(calm)
	_, changed, err := f.readFiles(ctx, e.id)
	if err != nil {
		return o, err
	}
	return judgeChain(e, end, files, changed, state)
}

// judgeChain compares both exports of a chain with the second snapshot: a version that
// is in neither is lost. A version in both is no error: a resource that changed while
// the first export began is exported by both.
func judgeChain(e *export, end stage, first, second map[version]int, state map[version]bool) (o outcome, err error) {
	o.took, o.generations, o.attempts = time.Since(e.begun), end.generation, end.attempts
	for v := range state {
		if first[v]+second[v] == 0 {
			o.lost++
		}
	}
	changed := compare(second, state)
	o.doubled, o.foreign = changed.doubled, changed.foreign
	return o, o.err()
}
