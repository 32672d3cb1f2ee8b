package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/seed-90096f4d/sluice/pgsession"
)

// closeTimeout limits how long a load that was stopped waits for the database.
const closeTimeout = 5 * time.Second

// loader loads files one after the other on one connection.
type loader struct {
	conn     *pgx.Conn
	opts     Options
	progress Progress

	files     int              // committed
	resources map[string]int64 // in them, by type
}

// newLoader connects to the database and creates the schema.
func newLoader(ctx context.Context, databaseURL string, files []file, opts Options) (*loader, error) {
	conn, err := connect(ctx, databaseURL, opts)
	if err != nil {
		return nil, err
	}
	progress := Progress{Total: totalSize(files), TotalFiles: len(files)}
	l := &loader{conn: conn, opts: opts, progress: progress, resources: make(map[string]int64)}
	err = l.inTransaction(ctx, func(tx pgx.Tx) error {
		return createSchema(ctx, tx, opts.Schema)
	})
	if err != nil {
		l.close(ctx)
		return nil, fmt.Errorf("schema %q: %w", opts.Schema, err)
	}
	return l, nil
}

func connect(ctx context.Context, databaseURL string, opts Options) (*pgx.Conn, error) {
	config, err := pgsession.Parse(databaseURL, pgsession.Options{
		Defaults: map[string]string{"application_name": "sluice load"},
		Required: map[string]string{
			"row_security": pgsession.RowSecurity(opts.RowSecurity),
			"search_path":  pgsession.SearchPath(opts.Schema, "public"), // for triggers
		},
	})
	if err != nil {
		return nil, fmt.Errorf("source database: %w", err)
	}
	cfg := config.ConnConfig
	// Cancel the statement on the server when a load is stopped.
	cfg.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: closeTimeout}
	}
	return pgx.ConnectConfig(ctx, cfg)
}

// close closes the connection, which rolls back an open transaction.
func (l *loader) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = l.conn.Close(ctx)
}

// load loads one file. Two loads that lock the tables of mixed files in opposite order
// deadlock; the one that PostgreSQL aborts retries its file, if it can be read again.
func (l *loader) load(ctx context.Context, f file) error {
	const attempts = 5
	l.progress.File, l.progress.FileBytes, l.progress.FileSize = f.path, 0, f.size
	before := l.progress
	for attempt := 1; ; attempt++ {
		err := l.loadOnce(ctx, f)
		if err == nil || attempt == attempts || f.size < 0 || !isDeadlock(err) {
			return err
		}
		l.progress = before
	}
}

// loadOnce loads one file in one transaction.
func (l *loader) loadOnce(ctx context.Context, f file) error {
	var written map[string]int64
	err := l.inTransaction(ctx, func(tx pgx.Tx) (err error) {
		written, err = l.stream(ctx, tx, f.path)
		return err
	})
	lineErr := new(LineError)
	switch {
	case err == nil:
		l.files++
		l.progress.Files++
		for resourceType, count := range written {
			l.resources[resourceType] += count
		}
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", f.path, context.Cause(ctx)) // whatever error the database returned
	case errors.As(err, &lineErr):
		return err
	default:
		return fmt.Errorf("%s: %w", f.path, err)
	}
}

// inTransaction runs fn and commits, or rolls back if it fails. The commit is not
// cancelled, so that it is known whether the last file was loaded.
func (l *loader) inTransaction(ctx context.Context, fn func(pgx.Tx) error) error {
	// Set explicitly: the defaults of the database may differ, as Aidbox's do.
	tx, err := l.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	if err != nil {
		return err
	}
	if err = fn(tx); err == nil {
		err = ctx.Err()
	}
	if err != nil {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = tx.Rollback(end) // fails only with the connection, which rolls back too
		return err
	}
	return tx.Commit(context.WithoutCancel(ctx))
}

// read counts the bytes of a read from the current file.
func (l *loader) read(n int) {
	l.progress.Bytes += int64(n)
	l.progress.FileBytes += int64(n)
	if l.opts.Progress != nil {
		l.opts.Progress(l.progress)
	}
}
