package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/dev/process"
)

// lateHeadStart is how long before the first export the late transaction begins: longer
// than snapshots may be backdated.
const lateHeadStart = 1500 * time.Millisecond

// chain runs an export and one of what changed since. A transaction that began and wrote
// before the first commits after it. Together, the files must contain every version that
// was current at the end of either.
func (h *harness) chain(ctx context.Context) (o outcome, err error) {
	config := h.db.Config().ConnConfig.Copy()
	config.RuntimeParams["application_name"] = "chaos late writer"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return o, fmt.Errorf("connect the late writer: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // Commit reports its errors
	late, err := conn.Begin(ctx)
	if err != nil {
		return o, fmt.Errorf("begin late: %w", err)
	}
	// An id that no other writer touches.
	if _, err := late.Exec(ctx, fmt.Sprintf(createSQL, kinds[0].name), fmt.Sprintf("patient-late-%d", conn.PgConn().PID())); err != nil {
		return o, fmt.Errorf("write late: %w", err)
	}
	if err := process.Sleep(ctx, lateHeadStart); err != nil {
		return o, err
	}
	first, err := h.chained(ctx, "")
	if err != nil {
		return first.outcome, err
	}
	if first.difference = compare(first.files, first.snapshot); first.err() != nil {
		return first.outcome, first.err()
	}
	if err := late.Commit(ctx); err != nil {
		return o, fmt.Errorf("commit late: %w", err)
	}
	if err := h.waitReplayed(ctx); err != nil {
		return o, err
	}
	h.proxy.set(normal)
	second, err := h.chained(ctx, first.manifest.TransactionTime)
	if err != nil {
		return second.outcome, err
	}
	// A version in both is no error: a resource that changed while the first export
	// started is exported by both.
	second.difference = compare(second.files, second.snapshot)
	second.lost = 0
	for v := range second.snapshot {
		if first.files[v]+second.files[v] == 0 {
			second.lost++
		}
	}
	return second.outcome, second.err()
}

func (h *harness) chained(ctx context.Context, since string) (r result, err error) {
	e, err := h.kickOff(ctx, since)
	if err != nil {
		return r, err
	}
	defer e.stopOracle()
	return e.result(ctx)
}
