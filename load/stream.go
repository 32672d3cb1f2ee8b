package load

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/fhir"
)

// disableTimeoutsSQL disables the timeouts that a role or database sets. The
// transaction of a file may take hours, and may wait for a slow standard input.
const disableTimeoutsSQL = `SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0`

// stream reads a file and writes its rows within tx. Parsing runs concurrently, at most
// one batch ahead of writing.
func (l *loader) stream(ctx context.Context, tx pgx.Tx, path string, loaded *tally) (err error) {
	if _, err := tx.Exec(ctx, disableTimeoutsSQL); err != nil {
		return err
	}
	txid, now, err := nextVersion(ctx, tx, l.opts.Schema)
	if err != nil {
		return err
	}

	parseCtx, stop := context.WithCancel(ctx)
	defer stop()
	l.progress.File = path
	text, file, err := openInput(parseCtx, path, l.opts.Stdin, l.read)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // opened for reading only

	batches := make(chan *batch)
	spare := &sync.Pool{New: func() any { return new(batch) }}
	p := l.parser(path, txid, now)
	p.out, p.spare = batches, spare

	parsed := make(chan error, 1)
	go func() {
		defer close(batches)
		parsed <- p.run(parseCtx, text)
	}()

	w := writer{tx: tx, path: path, schema: l.opts.Schema, loaded: loaded}
	for b := range batches {
		if err == nil {
			if err = w.write(ctx, b); err != nil {
				stop()
			}
		}
		if cap(b.data) <= 2*l.opts.BatchBytes {
			b.reset()
			spare.Put(b)
		}
	}

	// An error of a batch concerns an earlier line than an error of the parser.
	if parseErr := <-parsed; err == nil {
		err = parseErr
	}
	return err
}

func (l *loader) parser(path string, txid int64, now time.Time) *parser {
	return &parser{
		path:       path,
		opts:       l.opts,
		conv:       fhir.NewConverter(fhir.R4(), fhir.Options{Style: fhir.Style{CreatedAtURL: l.opts.CreatedAtURL}}),
		ids:        l.ids,
		txid:       txid,
		now:        now,
		onResource: func() { l.progress.Resources++ },
	}
}
