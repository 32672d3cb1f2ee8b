package bench

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// The names of what others are compared with.
const (
	limit      = "COPY of " + subject
	limitOfAll = "COPY of everything"
	byGzip     = "COPY merged of everything | gzip"
)

// A user without Sluice would have PostgreSQL merge what Aidbox keeps in
// columns into the document, and compress what comes.
const (
	plainSQL  = `SELECT id, txid, ts, cts, resource FROM %s`
	mergedSQL = `SELECT resource || jsonb_build_object('id', id, 'resourceType', '%[2]s', 'meta',
  coalesce(resource->'meta', '{}') || jsonb_build_object('versionId', txid, 'lastUpdated', ts, 'createdAt', cts)) FROM %[1]s`
)

// copies are what PostgreSQL and psql do without Sluice.
func (f *field) copies() []*measure {
	one := []Table{f.table(subject)}
	all := make([]Table, 0, len(kinds))
	for _, k := range kinds {
		all = append(all, f.table(k.name))
	}
	measures := []*measure{f.limit(limit, one, f.stand.DatabaseURL())}
	if socket := f.stand.SocketURL(); socket != "" {
		m := f.limit(limit+", Unix socket", one, socket)
		m.Against = []Comparison{{Name: limit}}
		measures = append(measures, m)
	}
	measures = append(measures, f.merged(subject, one, limit)...)
	measures = append(measures, f.limit(limitOfAll, all, f.stand.DatabaseURL()))
	return append(measures, f.merged("everything", all, limitOfAll)...)
}

// limit is the fastest way out of the database.
func (f *field) limit(name string, tables []Table, url string) *measure {
	var line strings.Builder
	line.WriteString(`"$PSQL" -Xq "$DATABASE"`)
	for _, t := range tables {
		fmt.Fprintf(&line, ` -c "COPY (%s) TO STDOUT (FORMAT binary)"`, fmt.Sprintf(plainSQL, tableName(t.Type)))
	}
	return f.command(name, tables, line.String()+" > /dev/null", "", "DATABASE="+url)
}

// merged are what one would do without Sluice, with each of two programs that
// compress.
func (f *field) merged(what string, tables []Table, against string) (measures []*measure) {
	var line strings.Builder
	line.WriteString(`"$PSQL" -Xq "$DATABASE"`)
	for _, t := range tables {
		fmt.Fprintf(&line, ` -c "COPY (%s) TO STDOUT"`, fmt.Sprintf(mergedSQL, tableName(t.Type), t.Type))
	}
	for i, pack := range []string{"gzip", "pigz -1"} {
		if _, err := exec.LookPath(strings.Fields(pack)[0]); err != nil {
			continue // describe says so
		}
		count := line.String() + " | wc -l"
		if i > 0 {
			count = "" // it is the same
		}
		m := f.command("COPY merged of "+what+" | "+pack, tables, line.String()+" | "+pack+" > /dev/null", count, "DATABASE="+f.stand.DatabaseURL())
		m.slow = true
		m.Against = []Comparison{{Name: against}}
		measures = append(measures, m)
	}
	return measures
}

// command is a measure of a command line that reads tables. count is one that
// prints the number of lines, if there is such.
func (f *field) command(name string, tables []Table, line, count string, env ...string) *measure {
	m := &measure{Measure: Measure{Name: name}}
	for _, t := range tables {
		m.Rows += t.Rows
		m.Text += t.Text
	}
	m.run = func(ctx context.Context) (Sample, error) {
		s, _, err := f.timed(ctx, nil, line, env...)
		return s, err
	}
	if count != "" {
		m.lines = func(ctx context.Context) (int64, error) { return f.counted(ctx, count, env...) }
	}
	return m
}
