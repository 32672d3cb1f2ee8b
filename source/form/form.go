// Package form decides in which form a server sends jsonb: as text, or in its stored form
// (package jsonb), which costs the server a quarter. The stored form requires a cast that a
// superuser has to create, and a server that stores jsonb as expected.
//
// A decision is made once for each server and remembered, so that a scan costs no further
// round trip. The package must not know tables or scans.
package form

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-90096f4d/sluice/pgsession"
	"github.com/seed-90096f4d/sluice/source/connpool"
)

// Mode says how to decide.
type Mode string

const (
	// Auto reads the stored form where that is possible, else text.
	Auto Mode = "auto"

	// Text always reads text.
	Text Mode = "text"

	// Stored always reads the stored form and fails where that is impossible.
	Stored Mode = "stored"
)

// CreateCast is the statement that makes the stored form available. Only a superuser may
// run it.
const CreateCast = "CREATE CAST (jsonb AS bytea) WITHOUT FUNCTION"

var (
	// ErrUnavailable means that the mode is Stored and the server cannot send the stored
	// form.
	ErrUnavailable = errors.New("jsonb cannot be read in its stored form")

	// ErrFormChanged means that the server no longer sends the stored form: the cast was
	// dropped. In mode Auto, a retry reads text.
	ErrFormChanged = errors.New("the server no longer sends jsonb in its stored form")
)

// Decision is the form in which a server sends jsonb.
type Decision struct {
	// Stored reports whether it is the stored form.
	Stored bool

	// Reason says why the stored form is not available, if the server was asked for it.
	Reason string

	// NoCast means that the reason is a missing cast (CreateCast).
	NoCast bool
}

// String returns the form: stored or text.
func (d Decision) String() string {
	if d.Stored {
		return string(Stored)
	}
	return string(Text)
}

// noCast is the decision for a server without the cast.
var noCast = Decision{NoCast: true, Reason: "the source database has no cast from jsonb to bytea"}

// Chooser decides for the servers of a database. It is safe for concurrent use.
type Chooser struct {
	mode   Mode
	report func(Decision)

	mu       sync.Mutex
	known    map[database]Decision
	last     Decision
	reported bool // the last decision
}

// database is what a decision is made for: the database of a server, which may be replaced
// by one of the same name in another encoding.
type database struct {
	server   connpool.Server
	encoding string
}

func databaseOf(conn *pgx.Conn) database {
	return database{server: connpool.ServerOf(conn), encoding: encodingOf(conn)}
}

// NewChooser returns a Chooser. report, if not nil, is called with the first decision and
// with each that differs from the one before.
func NewChooser(mode Mode, report func(Decision)) *Chooser {
	return &Chooser{mode: mode, report: report, known: map[database]Decision{}}
}

// Last returns the latest decision.
func (c *Chooser) Last() Decision {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// Stored reports whether the server of a connection sends the stored form. It asks the
// server only if it does not know it yet.
func (c *Chooser) Stored(ctx context.Context, conn *pgx.Conn) (bool, error) {
	if d, known := c.decision(conn); known {
		return c.verdict(d)
	}
	return c.Check(ctx, conn)
}

// decision returns the decision for the server of a connection, if it is known.
func (c *Chooser) decision(conn *pgx.Conn) (d Decision, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, known = c.known[databaseOf(conn)]
	return d, known
}

// Check is Stored, but asks the server even if it knows it.
func (c *Chooser) Check(ctx context.Context, conn *pgx.Conn) (bool, error) {
	if c.mode == Text {
		c.remember(conn, Decision{})
		return false, nil
	}
	before, _ := c.decision(conn)
	d, err := examine(ctx, conn, before.Stored)
	var pgErr *pgconn.PgError
	switch {
	case err == nil:
	case !errors.As(err, &pgErr) || !pgsession.IsPermanent(pgErr):
		return false, fmt.Errorf("check the stored form of jsonb: %w", err)
	case pgErr.Code == cannotCoerce: // a snapshot may still show a cast that was dropped
		d = noCast
	default:
		d = Decision{Reason: "the check of the server failed with SQLSTATE " + pgErr.Code}
	}
	c.remember(conn, d)
	if err != nil && conn.PgConn().TxStatus() != idle { // the transaction is lost
		return false, fmt.Errorf("%w: %w", ErrFormChanged, err)
	}
	return c.verdict(d)
}

// idle is the status of a connection without a transaction.
const idle = 'I'

// verdict returns the decision as Stored does.
func (c *Chooser) verdict(d Decision) (bool, error) {
	switch {
	case c.mode == Stored && d.NoCast:
		return false, fmt.Errorf("%w: %s; a superuser can create it: %s", ErrUnavailable, d.Reason, CreateCast)
	case c.mode == Stored && !d.Stored:
		return false, fmt.Errorf("%w: %s", ErrUnavailable, d.Reason)
	}
	return d.Stored, nil
}

// remember records a decision and reports it if it has changed.
func (c *Chooser) remember(conn *pgx.Conn, d Decision) {
	if c.record(databaseOf(conn), d) && c.report != nil {
		c.report(d)
	}
}

// record records a decision. It reports whether it is the first or differs from the one
// before.
func (c *Chooser) record(db database, d Decision) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, known := c.known[db]
	if !known {
		before, known = c.last, c.reported
	}
	c.known[db], c.last, c.reported = d, d, true
	return !known || before != d
}

// cannotCoerce is the SQLSTATE of a cast that does not exist (cannot_coerce).
const cannotCoerce = "42846"

// Cast is the operator that reads the stored form of a jsonb in SQL.
const Cast = "::bytea"

// Explain adds ErrFormChanged to the error of a query for the stored form if the server no
// longer has the cast, and remembers that. Statements must write the cast as Cast.
func (c *Chooser) Explain(conn *pgx.Conn, sql string, err error) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || !isOfCast(pgErr, sql) || errors.Is(err, ErrFormChanged) {
		return err
	}
	c.remember(conn, noCast)
	return fmt.Errorf("%w: %w", ErrFormChanged, err)
}

// isOfCast reports whether a statement failed because the server does not have the Cast.
// Other casts, such as those of a condition, fail at other positions.
func isOfCast(err *pgconn.PgError, sql string) bool {
	if err.Code != cannotCoerce || err.Position < 1 {
		return false
	}
	characters := []rune(sql)
	at := int(err.Position) - 1 // in characters
	return at < len(characters) && strings.HasPrefix(string(characters[at:]), Cast)
}
