package bench

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/seed-90096f4d/sluice/dev/aidbox"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

// The names of measures that others are compared with.
const (
	limit       = "COPY of " + subject
	storedLimit = limit + ", stored form"
	limitOfAll  = "COPY of everything"
	mergedGzip  = "COPY merged of everything | gzip"
)

// Without Sluice, a user would have PostgreSQL merge the columns into the document, and
// compress the output.
const (
	plainSQL  = `SELECT id, txid, ts, cts, resource FROM %s`
	storedSQL = `SELECT id, txid, ts, cts, resource::bytea FROM %s`
	mergedSQL = `SELECT resource || jsonb_build_object('id', id, 'resourceType', '%[2]s', 'meta',
  coalesce(resource->'meta', '{}') || jsonb_build_object('versionId', txid, 'lastUpdated', ts, 'createdAt', cts)) FROM %[1]s`
)

// copies measures PostgreSQL and psql without Sluice.
func (h *harness) copies() []*measure {
	one := []Table{h.table(subject)}
	all := make([]Table, 0, len(kinds))
	for _, k := range kinds {
		all = append(all, h.table(k.name))
	}
	measures := []*measure{h.limit(limit, plainSQL, one, h.stand.DatabaseURL())}
	if socket := h.stand.Postgres.SocketURL(stand.Database); socket != "" {
		measures = append(measures, h.limit(limit+", Unix socket", plainSQL, one, socket, Comparison{Name: limit}))
	}
	measures = append(measures, h.limit(storedLimit, storedSQL, one, h.stand.DatabaseURL(), Comparison{Name: limit}))
	measures = append(measures, h.merged(subject, one, limit)...)
	measures = append(measures, h.limit(limitOfAll, plainSQL, all, h.stand.DatabaseURL()))
	return append(measures, h.merged("everything", all, limitOfAll)...)
}

// limit measures the fastest way to read the tables by a query.
func (h *harness) limit(name, sql string, tables []Table, url string, against ...Comparison) *measure {
	var line strings.Builder
	line.WriteString(`"$PSQL" -Xq "$DATABASE"`)
	for _, t := range tables {
		fmt.Fprintf(&line, ` -c "COPY (%s) TO STDOUT (FORMAT binary)"`, fmt.Sprintf(sql, aidbox.Table(t.Type)))
	}
	m := h.command(name, tables, line.String()+" > /dev/null", "", "DATABASE="+url)
	m.Against = against
	return m
}

// merged measures what a user would do without Sluice, with two compression programs.
func (h *harness) merged(what string, tables []Table, against string) (measures []*measure) {
	var line strings.Builder
	line.WriteString(`"$PSQL" -Xq "$DATABASE"`)
	for _, t := range tables {
		fmt.Fprintf(&line, ` -c "COPY (%s) TO STDOUT"`, fmt.Sprintf(mergedSQL, aidbox.Table(t.Type), t.Type))
	}
	for i, pack := range []string{"gzip", "pigz -1"} {
		if _, err := exec.LookPath(strings.Fields(pack)[0]); err != nil {
			continue // describe reports it
		}
		count := line.String() + " | wc -l"
		if i > 0 {
			count = "" // the output is the same
		}
		m := h.command("COPY merged of "+what+" | "+pack, tables, line.String()+" | "+pack+" > /dev/null", count, "DATABASE="+h.stand.DatabaseURL())
		m.slow = true
		m.Against = []Comparison{{Name: against}}
		measures = append(measures, m)
	}
	return measures
}

// command measures a command line that reads tables. count is one that prints the number
// of lines; "" means that the lines are not counted.
func (h *harness) command(name string, tables []Table, line, count string, env ...string) *measure {
	m := &measure{Measure: Measure{Name: name}}
	for _, t := range tables {
		m.Rows += t.Rows
		m.Text += t.Text
	}
	m.run = func(ctx context.Context) (Sample, error) {
		s, _, err := h.timed(ctx, nil, line, env...)
		return s, err
	}
	if count != "" {
		m.lines = func(ctx context.Context) (int64, error) { return h.counted(ctx, count, env...) }
	}
	return m
}
