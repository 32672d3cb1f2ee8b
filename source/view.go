package source

import (
	"context"
	"fmt"
)

// viewSQL tells who asks, whether a standby is asked, and whether the role sees
// the sessions of others.
const viewSQL = `SELECT current_user::text, pg_is_in_recovery(), pg_has_role('pg_read_all_stats', 'USAGE')`

// View is what a Source can see of the transactions that write.
type View struct {
	// Role is the one that the sessions have.
	Role string

	// Standby means that the server is one: it shows no writing transaction.
	Standby bool

	// Blind means that the role does not see when transactions of other roles
	// began: it lacks the privileges of pg_read_all_stats.
	Blind bool
}

// View tells what can be seen of the transactions that write. Where some can't,
// snapshots are Estimated, by Config.CommitMargin.
func (s *Source) View(ctx context.Context) (View, error) {
	var v View
	var sees bool
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return v, fmt.Errorf("source: look at the role: %w", err)
	}
	defer conn.Release()

	if err := conn.QueryRow(ctx, viewSQL).Scan(&v.Role, &v.Standby, &sees); err != nil {
		return v, fmt.Errorf("source: look at the role: %w", err)
	}
	v.Blind = !sees
	return v, nil
}
