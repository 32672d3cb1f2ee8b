package bench

import (
	"context"
	"fmt"
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
	oneView       = "$sql-export csv, 1 view of " + subject
)

// parquetPeak is what an open file of Parquet may add to that of a process.
const parquetPeak = 48 << 20

// tableSlots is the number of the worker's slots while exports of tables are timed.
const tableSlots = 2

// tableMeasures measures views (SQL on FHIR), and what a user would do without Sluice.
func (h *harness) tableMeasures() []*measure {
	one := []Table{h.table(subject)}
	columns := fmt.Sprintf(`"$PSQL" -Xq "$DATABASE" -c "COPY (`+observationSelect+`) TO STDOUT (FORMAT csv)"`, aidbox.Table(subject))
	sql := h.command(sqlColumns, one, columns+" > /dev/null", columns+" | wc -l", "DATABASE="+h.stand.DatabaseURL())
	sql.slow, sql.Against = true, []Comparison{{Name: resourceLimit}}

	measures := []*measure{h.limit(resourceLimit, "SELECT resource FROM %s", one, h.stand.DatabaseURL()), sql}
	if h.duckDB != "" {
		measures = append(measures, h.duckDBMeasure())
	}
	return append(measures,
		h.sqlRun("csv", h.target(1.5, 0), dumpPeak),
		h.sqlRun("parquet", h.target(1, 0), dumpPeak+parquetPeak),
		h.sqlExport(oneView, "csv", nil, observationView),
		h.sqlExport("$sql-export csv, 3 views of "+subject, "csv", []Comparison{{Name: oneView, As: "of 1 view", Target: 1 / 1.5}}, observationView, categoryView, rangeView),
		h.sqlExport("$sql-export csv, 3 types", "csv", nil, observationView, patientView, encounterView),
		h.sqlExport("$sql-export parquet, 3 types", "parquet", nil, observationView, patientView, encounterView),
	)
}

// sqlRun measures $sql-run of 8 columns, read by curl.
func (h *harness) sqlRun(format string, target float64, peak int64) *measure {
	t := h.table(subject)
	m := &measure{Measure: Measure{
		Name: "$sql-run " + format + ", 8 columns", Rows: t.Rows, Text: t.Text, PeakTarget: peak,
		Against: []Comparison{{Name: resourceLimit, Target: target}, {Name: sqlColumns, As: "of SQL"}},
	}}
	if h.duckDB != "" {
		m.Against = append(m.Against, Comparison{Name: duckDBColumns, As: "of DuckDB"})
	}
	body := `{"resourceType": "Parameters", "parameter": [{"name": "header", "valueBoolean": false}, {"name": "_format", "valueCode": "` + format +
		`"}, {"name": "subjectResource", "resource": ` + observationView.definition + `}]}`
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
func (h *harness) sqlExport(name, format string, against []Comparison, views ...tableView) *measure {
	m := &measure{Measure: Measure{Name: name, Against: against, PeakTarget: firstSlotPeak + (tableSlots-1)*nextSlotPeak}}
	types := map[string]bool{}
	for _, v := range views {
		if t := h.table(v.resourceType); !types[t.Type] { // views of a type share a pass
			types[t.Type] = true
			m.Rows += t.Rows
			m.Text += t.Text
		}
	}
	m.run = func(ctx context.Context) (Sample, error) { return h.timedTables(ctx, format, views) }
	if format == "csv" {
		m.lines = func(ctx context.Context) (int64, error) { return m.Rows, h.checkTables(ctx, views) }
	}
	return m
}

// timedTables measures an export of tables.
func (h *harness) timedTables(ctx context.Context, format string, views []tableView) (s Sample, err error) {
	if err := h.useSlots(ctx, tableSlots); err != nil {
		return s, err
	}
	var export product.TableExport
	err = h.observe(h.worker, &s, func() error {
		started := time.Now()
		export, _, err = h.exportTables(ctx, format, views)
		s.Seconds = time.Since(started).Seconds()
		return err
	})
	if err != nil {
		return s, err
	}
	return s, h.removeTables(ctx, export)
}

// checkTables compares the number of lines of each table with that of the resources.
func (h *harness) checkTables(ctx context.Context, views []tableView) error {
	if err := h.useSlots(ctx, tableSlots); err != nil {
		return err
	}
	export, files, err := h.exportTables(ctx, "csv", views)
	if err != nil {
		return err
	}
	for _, v := range views {
		var lines int64
		for _, link := range files[v.name] {
			n, err := countFile(ctx, link)
			if err != nil {
				return err
			}
			lines += n
		}
		if want := h.table(v.resourceType).Rows; lines != want {
			return fmt.Errorf("view %s has %d lines for %d resources", v.name, lines, want)
		}
	}
	return h.removeTables(ctx, export)
}

// exportTables exports tables and returns their files by the names of the views.
func (h *harness) exportTables(ctx context.Context, format string, views []tableView) (export product.TableExport, files map[string][]string, err error) {
	definitions := make([]string, len(views))
	for i, v := range views {
		definitions[i] = v.definition
	}
	if export, err = h.client.KickOffTables(ctx, format, definitions...); err != nil {
		return export, nil, err
	}
	files, err = h.waitTables(ctx, export)
	return export, files, err
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
