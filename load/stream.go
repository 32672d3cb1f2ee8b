package load

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/fhir"
)

// disableTimeoutsSQL disables the timeouts that a role or database sets. The
// transaction of a file may take hours, and may wait for a slow standard input.
const disableTimeoutsSQL = `SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0`

// stream reads a file and writes its rows within tx. It returns the number of resources
// by type. Parsing runs concurrently, at most one batch ahead of writing.
func (l *loader) stream(ctx context.Context, tx pgx.Tx, path string) (map[string]int64, error) {
	if _, err := tx.Exec(ctx, disableTimeoutsSQL); err != nil {
		return nil, err
	}
	txid, now, err := nextVersion(ctx, tx, l.opts.Schema)
	if err != nil {
		return nil, err
	}

	parseCtx, stop := context.WithCancel(ctx)
	defer stop()
	text, file, err := openInput(parseCtx, path, l.opts.Stdin, l.read)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // opened for reading only

	batches, parsed := make(chan *batch), make(chan error, 1)
	p := &parser{
		path:     path,
		opts:     l.opts,
		conv:     fhir.NewConverter(fhir.R4(), fhir.Options{Style: fhir.Style{CreatedAtURL: l.opts.CreatedAtURL}}),
		now:      now,
		out:      batches,
		progress: &l.progress,
	}
	go func() {
		defer close(batches)
		parsed <- p.run(parseCtx, text)
	}()

	w := writer{tx: tx, path: path, schema: l.opts.Schema, txid: txid, tables: make(map[string]*table), written: make(map[string]int64)}
	for b := range batches {
		if err = w.write(ctx, b); err != nil {
			stop()
			break
		}
	}
	// An error of a batch concerns an earlier line than an error of the parser.
	if parseErr := <-parsed; err == nil {
		err = parseErr
	}
	return w.written, err
}
