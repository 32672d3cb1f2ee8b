package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-90096f4d/sluice/source/catalog"
)

// Table returns the table of a resource type: the mapped one (Config.Tables), else the
// relation with the type's name, ignoring case, else a table whose rows all name the type.
// The error is catalog.ErrNoTable if there is none, and *catalog.UnreadableError if it
// does not have the layout of a FHIR table or the role may not read it.
//
// The name of a relation determines the type of its rows. The rows only determine the
// spelling of the type: "Patient" is a type and "PAtient" is not.
func (s *Source) Table(ctx context.Context, resourceType string) (catalog.Table, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return catalog.Table{}, fmt.Errorf("source: %w", err)
	}
	defer conn.Release()

	table, err := s.catalog.Find(ctx, conn, resourceType, catalog.Discovery{DB: conn})
	if err != nil {
		return catalog.Table{}, fmt.Errorf("source: %w", err)
	}
	return table, nil
}

// maxDiscoveryAge is the maximum age of a Reader's list of tables that do not have the
// name of their type. The tables of an export were found when it was planned, a moment
// before.
const maxDiscoveryAge = 10 * time.Second

// Table is Source.Table under the Reader's snapshot.
func (r *Reader) Table(ctx context.Context, resourceType string) (catalog.Table, error) {
	table, err := r.catalog.Find(ctx, r.conn, resourceType, catalog.Discovery{MaxAge: maxDiscoveryAge})
	if err != nil {
		return catalog.Table{}, fmt.Errorf("source: %w", err)
	}
	return table, nil
}

// Tables finds the tables of these types, and locks them: as long as the snapshot is
// held, none of them can be rewritten, truncated or dropped. A type without a table is
// left out. The error is ErrSnapshotGone with catalog.ErrRewritten if a table was
// rewritten after the snapshot was taken. The sizes of the tables are the current ones:
// no row of the snapshot lies beyond them. If tables cannot be read, the error is a
// *catalog.TableError that names all of them; optional types are left out instead.
func (sn *Snapshot) Tables(ctx context.Context, types []string, optional ...string) ([]catalog.Table, error) {
	sn.mu.Lock()
	defer sn.mu.Unlock()

	tables, err := sn.catalog.LockTables(ctx, sn.conn, types, optional)
	if err != nil {
		return nil, fmt.Errorf("source: %w", snapshotError(err))
	}
	return tables, nil
}

// Faults returns, of these types, those without a table that can be read, and why:
// catalog.ErrNoTable or *catalog.UnreadableError, as Table returns it.
func (s *Source) Faults(ctx context.Context, types []string) (map[string]error, error) {
	_, faults, err := s.Survey(ctx, types)
	return faults, err
}

// Survey returns the tables of these types that can be read, without their sizes, and
// of the other types why not, as Faults does.
func (s *Source) Survey(ctx context.Context, types []string) (tables []catalog.Table, faults map[string]error, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("source: %w", err)
	}
	defer conn.Release()
	if tables, faults, err = s.catalog.Survey(ctx, conn, types); err != nil {
		return nil, nil, fmt.Errorf("source: %w", err)
	}
	return tables, faults, nil
}

// CheckTables returns ErrNoTables if the schema has no table that can be read, of the
// known types or of another one. Like Ping, it makes a connection of its own.
func (s *Source) CheckTables(ctx context.Context) error {
	conn, err := s.pool.Connect(ctx)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	found, err := s.catalog.HasTables(ctx, conn)
	switch {
	case err != nil:
		err = fmt.Errorf("source: %w", err)
	case !found:
		err = fmt.Errorf("source: schema %q: %w", s.config.Schema, ErrNoTables)
	}
	return errors.Join(err, conn.Close(ctx))
}

// OtherTypes returns the resource types that rows name instead of the table's, in some
// pages of what the scan reads. It samples no rows of a view.
func (r *Reader) OtherTypes(ctx context.Context, scan Scan) ([]string, error) {
	types, err := catalog.OtherTypes(ctx, r.conn, scan.Table, scan.Pages)
	if err != nil {
		return nil, fmt.Errorf("source: %w", explain(r.conn, err))
	}
	return types, nil
}
