package source

import "context"

// inTheWaySQL tells whether another session has waited for $1 or longer for a
// lock on a table that this session holds. Only one that wants the table for
// itself has to wait for a reader: to rewrite, truncate, alter or drop it.
const inTheWaySQL = `
SELECT EXISTS (
	SELECT FROM pg_locks
	WHERE NOT granted AND locktype = 'relation' AND waitstart <= clock_timestamp() - $1::interval
		AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))`

// ask asks the server whether the snapshot is there, and fails with ErrInTheWay
// if it should not be any longer.
//
// Whoever waits for a table makes all wait that come later, to read or to write,
// and so the parts of the export for which the snapshot is held: they would wait
// for each other for ever, and everybody else for them.
func (sn *Snapshot) ask(ctx context.Context) error {
	var inTheWay bool
	if err := sn.conn.QueryRow(ctx, inTheWaySQL, sn.giveWay).Scan(&inTheWay); err != nil {
		return err
	}
	if inTheWay {
		return ErrInTheWay
	}
	return nil
}
