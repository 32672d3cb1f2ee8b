package overview

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/jobs"
)

// Export is one export in detail.
type Export struct {
	Summary

	// Request is what the kick-off asked for.
	Request Request `json:"request"`

	// Restarts is how often the export began again from a new snapshot.
	Restarts int `json:"restarts"`

	// TransactionTime is nil until the export is planned.
	TransactionTime *time.Time `json:"transactionTime,omitempty"`

	// SnapshotAge is the maximum age of the snapshot in seconds while the export runs.
	SnapshotAge *float64 `json:"snapshotAgeSeconds,omitempty"`

	// Attempt is how often a process took the export, LeaseUntil when the lease of the
	// last one expires. It is nil unless the export is running.
	Attempt    int        `json:"attempt"`
	LeaseUntil *time.Time `json:"leaseUntil,omitempty"`

	// Warnings is the number of warnings about what the export lacks.
	Warnings int `json:"warnings"`

	// Resources is the number of resources or rows that the export has written so far.
	Resources int64 `json:"resources"`

	// Rate is nil until the export is planned.
	Rate *Rate `json:"rate,omitempty"`

	// Types are the parts and files by type, of exports whose files are kept.
	Types []TypeProgress `json:"types"`

	// Parts are running parts, at most maxRunningParts.
	Parts []RunningPart `json:"runningParts"`
}

// Rate is how fast an export was read, on average since it was planned.
type Rate struct {
	// Since is when the export was planned, Seconds the time since then, or until its
	// end.
	Since   time.Time `json:"since"`
	Seconds float64   `json:"seconds"`

	BytesPerSecond     float64 `json:"bytesPerSecond"`
	ResourcesPerSecond float64 `json:"resourcesPerSecond"`

	// Remaining is the number of seconds until everything is read at this rate. It is
	// nil if the export is not running, waits, or has read nothing.
	Remaining *float64 `json:"remainingSeconds,omitempty"`
}

// TypeProgress are the parts and files of one type and kind.
type TypeProgress struct {
	// Type is the resource type, empty for files with several types.
	Type string `json:"type"`

	// Kind is output, deleted or outcome.
	Kind jobs.FileKind `json:"kind"`

	Parts        int   `json:"parts"`
	PartsDone    int   `json:"partsDone"`
	PartsRunning int   `json:"partsRunning"`
	BytesPlanned int64 `json:"bytesPlanned"`
	BytesRead    int64 `json:"bytesRead"`

	Files       int   `json:"files"`
	Resources   int64 `json:"resources"` // lines, or rows of views
	PlainBytes  int64 `json:"plainBytes"`
	StoredBytes int64 `json:"storedBytes"`
}

// RunningPart is a part that a process reads.
type RunningPart struct {
	Number       int           `json:"number"`
	Kind         jobs.PartKind `json:"kind"`
	Type         string        `json:"type"`
	Attempt      int           `json:"attempt"`
	LeaseUntil   *time.Time    `json:"leaseUntil,omitempty"`
	ProgressAt   *time.Time    `json:"progressAt,omitempty"`
	BytesPlanned int64         `json:"bytesPlanned"`
	BytesRead    int64         `json:"bytesRead"`
}

const (
	oneSQL = summarySQL + ` WHERE e.id = $1`

	// detailSQL reads what is not in the summary. Ids of patients and values of filters
	// stay in the database.
	detailSQL = `
SELECT e.attempt, e.lease_until, e.transaction_time,
    coalesce(jsonb_array_length(e.warnings), 0) + coalesce(jsonb_array_length(e.request->'warnings'), 0),
    e.request - ARRAY['url', 'patients', 'filters', 'tables', 'warnings'],
    coalesce(jsonb_array_length(e.request->'patients'), 0),
    (SELECT coalesce(jsonb_object_agg(f.key, jsonb_array_length(f.value)), '{}')
     FROM jsonb_each(CASE WHEN jsonb_typeof(e.request->'filters') = 'object' THEN e.request->'filters' END) AS f),
    coalesce(e.request->'tables'->>'format', CASE (e.request->'fhir')::boolean WHEN true THEN 'fhir' WHEN false THEN 'aidbox' END, ''),
    ARRAY(SELECT v->>'name' FROM jsonb_array_elements(
        CASE WHEN jsonb_typeof(e.request->'tables'->'views') = 'array' THEN e.request->'tables'->'views' END) WITH ORDINALITY AS t (v, n) ORDER BY n)
FROM sluice.export e WHERE e.id = $1`

	// partsByTypeSQL reads all parts of the export, of which there are at most 100,000.
	partsByTypeSQL = `
SELECT resource_type, CASE kind WHEN 'deletions' THEN 'deleted' ELSE 'output' END,
    count(*), count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'running'),
    sum(bytes_planned)::bigint, sum(CASE state WHEN 'done' THEN bytes_planned ELSE least(bytes_read, bytes_planned) END)::bigint
FROM sluice.part WHERE export_id = $1 GROUP BY 1, 2`

	// filesByTypeSQL reads all files of the export.
	filesByTypeSQL = `
SELECT resource_type, kind::text, count(*), sum(resources)::bigint, sum(plain_bytes)::bigint, sum(stored_bytes)::bigint
FROM sluice.file WHERE export_id = $1 GROUP BY 1, 2`

	runningPartsSQL = `
SELECT number, kind, resource_type, attempt, lease_until, progress_at, bytes_planned, least(bytes_read, bytes_planned)
FROM sluice.part WHERE export_id = $1 AND state = 'running' ORDER BY number LIMIT $2`
)

// maxRunningParts limits Export.Parts.
const maxRunningParts = 100

type detail struct {
	Attempt         int
	LeaseUntil      *time.Time
	TransactionTime *time.Time
	Warnings        int
	Request         jobs.Request
	Patients        int
	Filters         map[string]int
	Format          string
	Views           []string
}

// Show returns the export of any client, or jobs.ErrNotFound. Everything is read from one
// snapshot of the state database.
func (r *Reader) Show(ctx context.Context, id uuid.UUID) (Export, error) {
	var export Export
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, r.pool, options, func(tx pgx.Tx) (err error) {
		if export.Summary, err = collectOne[Summary](ctx, tx, "show export", oneSQL, id); err != nil {
			return err
		}
		read, err := collectOne[detail](ctx, tx, "show export", detailSQL, id)
		if err != nil {
			return err
		}
		export.add(read)
		if export.Types, err = readTypes(ctx, tx, id); err != nil {
			return err
		}
		export.Parts, err = collect[RunningPart](ctx, tx, "list running parts", runningPartsSQL, id, maxRunningParts)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Export{}, jobs.ErrNotFound
	}
	if err != nil {
		return Export{}, err
	}
	for _, progress := range export.Types {
		if progress.Kind == jobs.Output {
			export.Resources += progress.Resources
		}
	}
	export.Rate = export.rate()
	return export, nil
}

// add adds what the summary does not have.
func (e *Export) add(read detail) {
	e.Request = describe(read)
	e.Attempt, e.TransactionTime, e.Warnings = read.Attempt, read.TransactionTime, read.Warnings
	e.Restarts = e.Summary.Restarts()
	if e.State != jobs.Running {
		return
	}
	e.LeaseUntil = read.LeaseUntil
	if e.SnapshotAt != nil {
		age := e.ReadAt.Sub(*e.SnapshotAt).Seconds()
		e.SnapshotAge = &age
	}
}

// rate returns the average rate since the export was planned.
func (e *Export) rate() *Rate {
	if e.PlannedAt == nil {
		return nil
	}
	end := e.ReadAt
	if e.FinishedAt != nil {
		end = *e.FinishedAt
	}
	rate := &Rate{Since: *e.PlannedAt, Seconds: end.Sub(*e.PlannedAt).Seconds()}
	if rate.Seconds <= 0 {
		return rate
	}
	rate.BytesPerSecond = float64(e.BytesRead) / rate.Seconds
	rate.ResourcesPerSecond = float64(e.Resources) / rate.Seconds
	if e.State == jobs.Running && e.WaitingSince == nil && e.BytesRead > 0 {
		remaining := float64(e.BytesPlanned-e.BytesRead) / rate.BytesPerSecond
		rate.Remaining = &remaining
	}
	return rate
}

// readTypes returns the parts and files of an export by type, sorted by type.
func readTypes(ctx context.Context, db querier, id uuid.UUID) ([]TypeProgress, error) {
	type parts struct {
		Type                    string
		Kind                    jobs.FileKind
		Count, Done, Running    int
		BytesPlanned, BytesRead int64
	}
	type files struct {
		Type                               string
		Kind                               jobs.FileKind
		Count                              int
		Resources, PlainBytes, StoredBytes int64
	}
	read, err := collect[parts](ctx, db, "count parts", partsByTypeSQL, id)
	if err != nil {
		return nil, err
	}
	written, err := collect[files](ctx, db, "count files", filesByTypeSQL, id)
	if err != nil {
		return nil, err
	}
	types := typeTable{rows: []TypeProgress{}}
	for _, p := range read {
		t := types.row(p.Type, p.Kind)
		t.Parts, t.PartsDone, t.PartsRunning, t.BytesPlanned, t.BytesRead = p.Count, p.Done, p.Running, p.BytesPlanned, p.BytesRead
	}
	for _, f := range written {
		t := types.row(f.Type, f.Kind)
		t.Files, t.Resources, t.PlainBytes, t.StoredBytes = f.Count, f.Resources, f.PlainBytes, f.StoredBytes
	}
	return types.sorted(), nil
}

// File is a file of an export.
type File struct {
	// Path is the object key without the export's id.
	Path        string        `json:"path"`
	Kind        jobs.FileKind `json:"kind"`
	Type        string        `json:"type"`
	Output      string        `json:"output,omitempty"` // name of the view
	Resources   int64         `json:"resources"`        // lines, or rows of a view
	PlainBytes  int64         `json:"plainBytes"`
	StoredBytes int64         `json:"storedBytes"`
	SHA256      string        `json:"sha256"` // of the stored bytes
}

const fileListSQL = `
SELECT object_key, kind, resource_type, coalesce(output, ''), resources, plain_bytes, stored_bytes, sha256
FROM sluice.file WHERE export_id = $1 AND object_key > $2 ORDER BY object_key LIMIT $3`

// Files returns at most limit files of an export, sorted by object key, which follow the
// file with the path after; empty means from the beginning.
func (r *Reader) Files(ctx context.Context, id uuid.UUID, after string, limit int) ([]File, error) {
	prefix := id.String() + "/"
	rows, _ := r.pool.Query(ctx, fileListSQL, id, prefix+after, limit)
	files, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (file File, err error) {
		var hash []byte
		err = row.Scan(&file.Path, &file.Kind, &file.Type, &file.Output, &file.Resources, &file.PlainBytes, &file.StoredBytes, &hash)
		if len(file.Path) > len(prefix) {
			file.Path = file.Path[len(prefix):]
		}
		file.SHA256 = hex.EncodeToString(hash)
		return file, err
	})
	if err != nil {
		return nil, fmt.Errorf("overview: list files: %w", err)
	}
	return files, nil
}
