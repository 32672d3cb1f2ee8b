// Package location keeps in the state database where the processes that share it
// read from and write to, so that one with other settings is found before it does
// harm.
//
// It knows names and compares them. It must not know how they are found out.
package location

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrDiffers means that the location of the process is not the recorded one.
var ErrDiffers = errors.New("this process has another source or bucket than the state database records")

// Location is a source database and a place in object storage. It holds no
// secrets.
type Location struct {
	// SystemIdentifier is that of the source's server. Replicas have it in common
	// with their primary. Empty if the role may not read it; then it is equal to
	// any other.
	SystemIdentifier string

	Database string // of the source
	Schema   string // of the FHIR tables
	Tables   string // that resource types are mapped to

	Endpoint string // of the object store, as scheme://host[:port]
	Bucket   string
	Prefix   string // empty or ending in a slash
}

// Value is one of the values of a location, as recorded and as the process has it.
type Value struct {
	Name          string
	Recorded, Own string
}

// Differs reports whether the values exclude each other.
func (v Value) Differs() bool {
	return v.Recorded != v.Own && (v.Name != systemIdentifier || v.Recorded != "" && v.Own != "")
}

const systemIdentifier = "system identifier"

// Compare returns all values of a recorded and an own location.
func Compare(recorded, own Location) []Value {
	return []Value{
		{systemIdentifier, recorded.SystemIdentifier, own.SystemIdentifier},
		{"database", recorded.Database, own.Database},
		{"schema", recorded.Schema, own.Schema},
		{"tables", recorded.Tables, own.Tables},
		{"endpoint", recorded.Endpoint, own.Endpoint},
		{"bucket", recorded.Bucket, own.Bucket},
		{"prefix", recorded.Prefix, own.Prefix},
	}
}

// check returns ErrDiffers, with each value that differs, or nil.
func check(recorded, own Location) error {
	var different []string
	for _, v := range Compare(recorded, own) {
		if v.Differs() {
			different = append(different, fmt.Sprintf("%s: recorded %q, own %q", v.Name, v.Recorded, v.Own))
		}
	}
	if len(different) == 0 {
		return nil
	}
	return fmt.Errorf("%w (%s); correct the settings of this process or, if the location has moved, run sluice location record with the new settings",
		ErrDiffers, strings.Join(different, "; "))
}

const (
	// recordFirstSQL does nothing where a location is recorded, but for a system
	// identifier that no process could read before.
	recordFirstSQL = `
INSERT INTO sluice.location AS l (system_identifier, database, schema, endpoint, bucket, prefix, tables)
VALUES (nullif($1, ''), $2, $3, $4, $5, $6, $7)
ON CONFLICT (only_row) DO UPDATE SET system_identifier = excluded.system_identifier
WHERE l.system_identifier IS NULL AND excluded.system_identifier IS NOT NULL
  AND (l.database, l.schema, l.endpoint, l.bucket, l.prefix, l.tables) = ($2, $3, $4, $5, $6, $7)`

	readSQL = `
SELECT version, coalesce(system_identifier, ''), database, schema, endpoint, bucket, prefix, tables FROM sluice.location`

	replaceSQL = `
INSERT INTO sluice.location AS l (system_identifier, database, schema, endpoint, bucket, prefix, tables)
VALUES (nullif($1, ''), $2, $3, $4, $5, $6, $7)
ON CONFLICT (only_row) DO UPDATE SET version = l.version + 1, system_identifier = excluded.system_identifier,
    database = $2, schema = $3, endpoint = $4, bucket = $5, prefix = $6, tables = $7, recorded_at = now()
WHERE (coalesce(l.system_identifier, ''), l.database, l.schema, l.endpoint, l.bucket, l.prefix, l.tables) <> ($1, $2, $3, $4, $5, $6, $7)`
)

// Claim records the location of a process that starts if none is recorded, and
// returns the version of the recorded one. ErrDiffers if it is another.
func Claim(ctx context.Context, state *pgxpool.Pool, own Location) (version int, err error) {
	if _, err := state.Exec(ctx, recordFirstSQL, own.values()...); err != nil {
		return 0, fmt.Errorf("location: %w", err)
	}
	recorded, version, err := Read(ctx, state)
	if err != nil {
		return 0, err
	}
	return version, check(recorded, own)
}

// Check returns ErrDiffers if the recorded location is not the own one, or no
// longer the one of that version.
func Check(ctx context.Context, state *pgxpool.Pool, own Location, version int) error {
	recorded, current, err := Read(ctx, state)
	if err != nil {
		return err
	}
	if err := check(recorded, own); err != nil {
		return err
	}
	if current != version {
		return fmt.Errorf("%w: it was recorded again since this process started; restart it", ErrDiffers)
	}
	return nil
}

// Record replaces the recorded location, and reports whether that was another
// one. What other processes do for the former location comes to nothing.
func Record(ctx context.Context, state *pgxpool.Pool, own Location) (moved bool, err error) {
	tag, err := state.Exec(ctx, replaceSQL, own.values()...)
	if err != nil {
		return false, fmt.Errorf("location: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

// Read returns the recorded location and its version, which is 0 if none is
// recorded.
func Read(ctx context.Context, state *pgxpool.Pool) (recorded Location, version int, err error) {
	err = state.QueryRow(ctx, readSQL).Scan(&version, &recorded.SystemIdentifier, &recorded.Database, &recorded.Schema,
		&recorded.Endpoint, &recorded.Bucket, &recorded.Prefix, &recorded.Tables)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return recorded, 0, fmt.Errorf("location: %w", err)
	}
	return recorded, version, nil
}

// values are the parameters of the statements that write a location.
func (l Location) values() []any {
	return []any{l.SystemIdentifier, l.Database, l.Schema, l.Endpoint, l.Bucket, l.Prefix, l.Tables}
}
