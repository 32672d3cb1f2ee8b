package bench

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/seed-90096f4d/sluice/dev/aidbox"
	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/product"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

// The names of measures of tables that others are compared with.
const (
	resourceLimit = "COPY of the resources of " + subject
	sqlColumns    = "COPY of 8 columns in SQL"
	duckDBColumns = "DuckDB: 8 columns of ndjson.gz"
	oneView       = "$sql-export csv, 1 view of " + subject
)

// tableSlots is the number of the worker's slots while exports of tables are timed.
const tableSlots = 2

// tableMeasures measures views (SQL on FHIR), and what a user would do without Sluice.
func (h *harness) tableMeasures() []*measure {
	one := []Table{h.table(subject)}
	columns := fmt.Sprintf(`"$PSQL" -Xq "$DATABASE" -c "COPY (`+observationSelect+`) TO STDOUT (FORMAT csv)"`, aidbox.Table(subject))
	sql := h.command(sqlColumns, one, columns+" > /dev/null", columns+" | wc -l", "DATABASE="+h.stand.DatabaseURL())
	sql.slow, sql.Against = true, []Comparison{{Name: resourceLimit}}

	measures := []*measure{h.limit(resourceLimit, "SELECT resource FROM %s", one, h.stand.DatabaseURL()), sql}
	if duckDB, err := exec.LookPath("duckdb"); err == nil {
		measures = append(measures, h.duckDB(duckDB))
	}
	return append(measures,
		h.sqlRun("csv", h.target(1.5, 0)),
		h.sqlRun("parquet", h.target(1, 0)),
		h.sqlExport(oneView, "csv", nil, observationView),
		h.sqlExport("$sql-export csv, 3 views of "+subject, "csv", []Comparison{{Name: oneView, As: "of 1 view", Target: 1 / 1.5}}, observationView, categoryView, rangeView),
		h.sqlExport("$sql-export csv, 3 types", "csv", nil, observationView, patientView, encounterView),
		h.sqlExport("$sql-export parquet, 3 types", "parquet", nil, observationView, patientView, encounterView),
	)
}

// sqlRun measures $sql-run of 8 columns, read by curl.
func (h *harness) sqlRun(format string, target float64) *measure {
	t := h.table(subject)
	m := &measure{Measure: Measure{
		Name: "$sql-run " + format + ", 8 columns", Rows: t.Rows, Text: t.Text, PeakTarget: dumpPeak,
		Against: []Comparison{{Name: resourceLimit, Target: target}, {Name: sqlColumns, As: "of SQL"}, {Name: duckDBColumns, As: "of DuckDB"}},
	}}
	body := `{"resourceType": "Parameters", "parameter": [{"name": "header", "valueBoolean": false}, {"name": "_format", "valueCode": "` + format +
		`"}, {"name": "subjectResource", "resource": ` + observationView + `}]}`
	env := []string{"CLIENT=" + clientID + ":" + secret, "URL=" + h.api.URL + "/fhir/$sql-run", "BODY=" + body}
	const curl = `curl -qsSf -u "$CLIENT" -H 'Content-Type: application/fhir+json' --data-binary "$BODY" "$URL"`
	m.run = func(ctx context.Context) (Sample, error) {
		s, size, err := h.timed(ctx, h.api, curl+` -o /dev/null -w '%{size_download}'`, env...)
		if err != nil {
			return s, err
		}
		if s.Bytes, err = strconv.ParseInt(size, 10, 64); err != nil {
			return s, fmt.Errorf("unexpected output of curl: %q", size)
		}
		return s, nil
	}
	if format == "csv" {
		m.lines = func(ctx context.Context) (int64, error) { return h.counted(ctx, curl+` | wc -l`, env...) }
	}
	return m
}

// sqlExport measures $sql-export to the bucket.
func (h *harness) sqlExport(name, format string, against []Comparison, views ...string) *measure {
	m := &measure{Measure: Measure{
		Name: name, Against: against, PeakTarget: firstSlotPeak + (tableSlots-1)*nextSlotPeak,
	}}
	types := []string{subject}
	if len(views) > 1 && views[1] == patientView {
		types = append(types, "Patient", "Encounter")
	}
	for _, t := range types {
		m.Rows += h.table(t).Rows
		m.Text += h.table(t).Text
	}
	m.run = func(ctx context.Context) (Sample, error) { return h.timedTables(ctx, format, views) }
	return m
}

// timedTables measures an export of tables.
func (h *harness) timedTables(ctx context.Context, format string, views []string) (s Sample, err error) {
	if err := h.useSlots(ctx, tableSlots); err != nil {
		return s, err
	}
	var export product.TableExport
	var files map[string][]string
	err = h.observe(h.worker, &s, func() error {
		started := time.Now()
		if export, err = h.client.KickOffTables(ctx, format, views...); err != nil {
			return err
		}
		files, err = h.waitTables(ctx, export)
		s.Seconds = time.Since(started).Seconds()
		return err
	})
	if err != nil {
		return s, err
	}
	if len(files) != len(views) {
		return s, fmt.Errorf("the export has %d tables for %d views", len(files), len(views))
	}
	return s, h.removeTables(ctx, export)
}

// waitTables polls until an export of tables is complete.
func (h *harness) waitTables(ctx context.Context, export product.TableExport) (files map[string][]string, err error) {
	err = process.Poll(ctx, exportTimeout, "the export", func(ctx context.Context) (complete bool, err error) {
		files, complete, err = h.client.Tables(ctx, export)
		if complete || err != nil {
			return true, err
		}
		return false, process.Sleep(ctx, statusInterval)
	})
	return files, err
}

// removeTables deletes an export of tables and waits until its files are removed.
func (h *harness) removeTables(ctx context.Context, export product.TableExport) error {
	if err := h.client.DeleteTables(ctx, export); err != nil {
		return err
	}
	return process.Poll(ctx, removeTimeout, "the files to be removed", func(ctx context.Context) (bool, error) {
		return h.stand.S3.IsEmpty(ctx, stand.Bucket, export.ID+"/")
	})
}

// duckDB measures DuckDB on a dump, without the time of the dump.
func (h *harness) duckDB(program string) *measure {
	file := filepath.Join(h.opts.LogDir, subject+".ndjson.gz")
	query := "COPY (" + fmt.Sprintf(observationDuckDB, file) + ") TO '/dev/stdout' (FORMAT csv, HEADER false)"
	m := h.command(duckDBColumns, []Table{h.table(subject)}, `"$DUCKDB" -c "$QUERY" > /dev/null`, `"$DUCKDB" -c "$QUERY" | wc -l`, "DUCKDB="+program, "QUERY="+query)
	count := m.lines
	m.lines = func(ctx context.Context) (int64, error) {
		if err := h.saveDump(ctx, file); err != nil {
			return 0, err
		}
		return count(ctx)
	}
	m.slow = true
	m.Against = []Comparison{{Name: resourceLimit}}
	return m
}

// saveDump writes a dump of the subject to a file.
func (h *harness) saveDump(ctx context.Context, file string) error {
	_, _, _, err := h.shell(ctx, `curl -qsSf -u "$CLIENT" "$URL" -o "$FILE"`,
		"CLIENT="+clientID+":"+secret, "URL="+h.api.URL+"/"+subject+"/$dump?fhir=true&gzip=true", "FILE="+file)
	return err
}
