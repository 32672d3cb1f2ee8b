// Package location records in the state database which source and bucket the processes
// that share it use, so that a process with other settings is rejected.
//
// It knows names and compares them. It must not know how they are determined.
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
var ErrDiffers = errors.New("the source or bucket of this process differs from the one recorded in the state database")

// Location is a source database and a prefix of a bucket. It has no secrets.
type Location struct {
	// SystemIdentifier identifies the source's server. Replicas have the identifier of
	// their primary. It is empty if the role may not read it, and then equals any other.
	SystemIdentifier string

	Database string // of the source
	Schema   string // of the FHIR tables
	Tables   string // configured tables of resource types

	Endpoint string // of the object store, as scheme://host[:port]
	Bucket   string
	Prefix   string // empty or ending in a slash
}

// Value is a value of the recorded location and of the process's own.
type Value struct {
	Name          string
	Recorded, Own string
}

// Differs reports whether the values contradict each other.
func (v Value) Differs() bool {
	return v.Recorded != v.Own && (v.Name != systemIdentifier || v.Recorded != "" && v.Own != "")
}

const systemIdentifier = "system identifier"

// Compare returns all values of both locations.
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

// check returns ErrDiffers with the values that differ, or nil.
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
	return fmt.Errorf("%w (%s); correct the settings of this process or, if the data has moved, run sluice location record with the new settings",
		ErrDiffers, strings.Join(different, "; "))
}

const (
	// recordFirstSQL changes a recorded location only to add a system identifier that
	// no process could read before.
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

// Claim records the location of a process that starts, unless one is recorded, and
// returns the version of the recorded location. It returns ErrDiffers if that is another
// one.
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

// Check returns ErrDiffers if the recorded location or its version is not the given one.
func Check(ctx context.Context, state *pgxpool.Pool, own Location, version int) error {
	recorded, current, err := Read(ctx, state)
	if err != nil {
		return err
	}
	if err := check(recorded, own); err != nil {
		return err
	}
	if current != version {
		return fmt.Errorf("%w: it was recorded again after this process started; restart the process", ErrDiffers)
	}
	return nil
}

// Record replaces the recorded location and reports whether that changed it. The work of
// other processes at the previous location then does not count.
func Record(ctx context.Context, state *pgxpool.Pool, own Location) (moved bool, err error) {
	tag, err := state.Exec(ctx, replaceSQL, own.values()...)
	if err != nil {
		return false, fmt.Errorf("location: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

// Read returns the recorded location and its version, or version 0 if none is recorded.
func Read(ctx context.Context, state *pgxpool.Pool) (recorded Location, version int, err error) {
	err = state.QueryRow(ctx, readSQL).Scan(&version, &recorded.SystemIdentifier, &recorded.Database, &recorded.Schema,
		&recorded.Endpoint, &recorded.Bucket, &recorded.Prefix, &recorded.Tables)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return recorded, 0, fmt.Errorf("location: %w", err)
	}
	return recorded, version, nil
}

// values returns the parameters of the statements that write a location.
func (l Location) values() []any {
	return []any{l.SystemIdentifier, l.Database, l.Schema, l.Endpoint, l.Bucket, l.Prefix, l.Tables}
}
