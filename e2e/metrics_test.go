package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
)

// documentedMetric is a row of docs/metrics.md.
type documentedMetric struct {
	kind     string
	labels   []string
	optional bool // the process may not have it
	buckets  string
}

var (
	metricRow = regexp.MustCompile("(?m)^\\| `(sluice_\\w+)` \\| (\\w+) \\|([^|]*)\\| (?:api|worker|both) \\| ([^|]+) \\|$")
	bucketRow = regexp.MustCompile("(?m)^\\| (`sluice_[^|]*`) \\| ([.\\d ]+) \\|$")
	optional  = regexp.MustCompile(`(^|[.?] )Only `)
	quoted    = regexp.MustCompile("`(\\w+)`")
)

// documentedMetrics returns the metrics of docs/metrics.md by name. Those with a sentence
// that begins with Only are optional.
func documentedMetrics(t *testing.T) map[string]*documentedMetric {
	t.Helper()
	page, documented := readFile(t, "../docs/metrics.md"), map[string]*documentedMetric{}
	for _, row := range metricRow.FindAllStringSubmatch(page, -1) {
		require.NotContains(t, documented, row[1], "it is documented twice")
		metric := &documentedMetric{kind: row[2], optional: optional.MatchString(row[4])}
		for _, label := range quoted.FindAllStringSubmatch(row[3], -1) {
			metric.labels = append(metric.labels, label[1])
		}
		slices.Sort(metric.labels)
		documented[row[1]] = metric
	}
	for _, row := range bucketRow.FindAllStringSubmatch(page, -1) {
		for _, name := range quoted.FindAllStringSubmatch(row[1], -1) {
			require.Contains(t, documented, name[1])
			documented[name[1]].buckets = row[2]
		}
	}
	for name, metric := range documented {
		require.Equal(t, metric.kind == "histogram", metric.buckets != "", "%s: a histogram has buckets", name)
	}
	return documented
}

// The registry of a process that has done something, docs/metrics.md, the rules and the
// dashboards know the same metrics, and promtool has no complaints.
func TestDocumentedMetrics(t *testing.T) {
	t.Parallel()
	admin := busyProcess(t)
	families := scrape(t, admin)

	documented := documentedMetrics(t)
	for name, family := range families {
		metric := documented[name]
		if !assertDocumented(t, name, metric) {
			continue
		}
		require.Equal(t, strings.ToUpper(metric.kind), family.GetType().String(), name)
		for _, series := range family.GetMetric() {
			require.Equal(t, metric.labels, labelNames(series), name)
			if metric.buckets != "" {
				require.Equal(t, metric.buckets, bucketBounds(series.GetHistogram()), name)
				require.NotNil(t, series.GetHistogram().ZeroThreshold, "%s: it is no native histogram", name)
			}
		}
	}
	for name, metric := range documented {
		if families[name] == nil && !metric.optional {
			t.Errorf("%s is documented, but the process does not have it", name)
		}
	}

	t.Run("promtool", func(t *testing.T) {
		promtool, err := exec.LookPath("promtool")
		if err != nil {
			t.Skip("promtool is not installed: it is in Debian's package prometheus")
		}
		command := exec.CommandContext(t.Context(), promtool, "check", "metrics")
		scraped := send(t, http.DefaultTransport, http.MethodGet, admin+"/metrics", "", "Accept", "text/plain", "Authorization", "none")
		require.Equal(t, http.StatusOK, scraped.status)
		command.Stdin = strings.NewReader(scraped.body)
		output, err := command.CombinedOutput()
		require.NoError(t, err, string(output))
		require.Empty(t, string(output))
	})
	t.Run("used", func(t *testing.T) {
		for _, pattern := range []string{"../deploy/prometheus/*.yml", "../deploy/grafana/*.json", "../docs/runbooks/*.md", "../docs/operations.md", "../docs/tables.md"} {
			files, err := filepath.Glob(pattern)
			require.NoError(t, err)
			for _, file := range files {
				for _, problem := range checkUses(readFile(t, file), documented) {
					t.Errorf("%s: %s", file, problem)
				}
			}
		}
	})
}

// scrape returns the metrics of Sluice as a scraper of native histograms gets them.
func scrape(t *testing.T, admin string) map[string]*dto.MetricFamily {
	t.Helper()
	format := expfmt.NewFormat(expfmt.TypeProtoDelim)
	send(t, http.DefaultTransport, http.MethodGet, admin+"/metrics", "", "Authorization", "none") // its errors are in the next
	scraped := send(t, http.DefaultTransport, http.MethodGet, admin+"/metrics", "", "Accept", string(format), "Authorization", "none")
	require.Equal(t, http.StatusOK, scraped.status)
	families := map[string]*dto.MetricFamily{}
	for decoder := expfmt.NewDecoder(strings.NewReader(scraped.body), format); ; {
		var family dto.MetricFamily
		err := decoder.Decode(&family)
		if errors.Is(err, io.EOF) {
			return families
		}
		require.NoError(t, err)
		if family.GetName() == "promhttp_metric_handler_errors_total" {
			for _, series := range family.GetMetric() {
				require.Zero(t, series.GetCounter().GetValue(), "a collector failed")
			}
		}
		if strings.HasPrefix(family.GetName(), "sluice_") {
			families[family.GetName()] = &family
		}
	}
}

func assertDocumented(t *testing.T, name string, metric *documentedMetric) bool {
	t.Helper()
	if metric == nil {
		t.Errorf("%s has no row in docs/metrics.md", name)
	}
	return metric != nil
}

func labelNames(series *dto.Metric) (names []string) {
	for _, label := range series.GetLabel() {
		names = append(names, label.GetName())
	}
	slices.Sort(names)
	return names
}

// bucketBounds returns the bounds of classic buckets as docs/metrics.md writes them.
func bucketBounds(histogram *dto.Histogram) string {
	var bounds []string
	for _, bucket := range histogram.GetBucket() {
		if text := fmt.Sprint(bucket.GetUpperBound()); text != "+Inf" {
			bounds = append(bounds, strings.TrimPrefix(text, "0"))
		}
	}
	return strings.Join(bounds, " ")
}

var (
	labelValue = regexp.MustCompile(`(=~|!~|!=|=)\s*"[^"]*"`)
	metricUse  = regexp.MustCompile(`\b(sluice_\w+)(?:\{([^}]*)\})?`)
	labelUse   = regexp.MustCompile(`(\w+)\s*=`)
	grouping   = regexp.MustCompile(`\b(?:by|on|ignoring|without|group_left|group_right) ?\(([^)]*)\)|\$labels\.(\w+)|\{\{ ?(\w+) ?\}\}`)
	word       = regexp.MustCompile(`\w+`)

	// otherNames are roles, and kinds and queues of jobs.
	otherNames = []string{"sluice_reader", "sluice_state", "sluice_export", "sluice_part", "sluice_cleanup", "sluice_sweep"}

	// targetLabels are labels that Prometheus adds.
	targetLabels = []string{"job", "instance", "namespace", "pod", "cluster", "le"}
)

// checkUses returns what is wrong with the metrics and labels in the text of a file.
func checkUses(text string, documented map[string]*documentedMetric) (problems []string) {
	text = labelValue.ReplaceAllString(strings.ReplaceAll(text, `\"`, `"`), `=""`)
	for _, use := range metricUse.FindAllStringSubmatch(text, -1) {
		metric := documented[use[1]]
		if slices.Contains(otherNames, use[1]) {
			continue
		}
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			if base, ok := strings.CutSuffix(use[1], suffix); ok && metric == nil && documented[base] != nil && documented[base].kind == "histogram" {
				metric = documented[base]
			}
		}
		if metric == nil {
			problems = append(problems, "there is no metric "+use[1])
			continue
		}
		for _, label := range labelUse.FindAllStringSubmatch(use[2], -1) {
			if !slices.Contains(metric.labels, label[1]) && !slices.Contains(targetLabels, label[1]) {
				problems = append(problems, fmt.Sprintf("%s has no label %s", use[1], label[1]))
			}
		}
	}
	known := slices.Clone(targetLabels)
	for _, metric := range documented {
		known = append(known, metric.labels...)
	}
	for _, use := range grouping.FindAllStringSubmatch(text, -1) {
		for _, label := range word.FindAllString(strings.Join(use[1:], " "), -1) {
			if !slices.Contains(known, label) {
				problems = append(problems, "no metric has the label "+label)
			}
		}
	}
	return problems
}

// A wrong name and a wrong label in a rule are found.
func TestCheckUses(t *testing.T) {
	t.Parallel()
	documented := map[string]*documentedMetric{
		"sluice_a_total":   {kind: "counter", labels: []string{"outcome"}},
		"sluice_b_seconds": {kind: "histogram"},
	}
	require.Empty(t, checkUses(`expr: rate(sluice_a_total{outcome="sluice_x",job=~"sluice.*"}[5m]) / sum by (le) (rate(sluice_b_seconds_bucket[5m]))`, documented))
	require.Equal(t, []string{"no metric has the label a", "no metric has the label b", "no metric has the label c"},
		checkUses(`sum by (outcome, a) (sluice_a_total) {{ $labels.b }} {{c}} {{ outcome }}`, documented))
	require.Equal(t, []string{"there is no metric sluice_c", "there is no metric sluice_a_total_sum", "sluice_a_total has no label result"},
		checkUses(`"expr": "sluice_c{x=\"y\"} + sluice_a_total_sum + sluice_a_total{result=\"failed\"}"`, documented))
}

// busyProcess starts a process that has the API and a worker, lets it answer requests of
// each kind, and returns the address of its admin listener.
func busyProcess(t *testing.T) (admin string) {
	t.Helper()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.addClient()
	j.load(twoPatients)
	log, _ := j.launch("serve", "--admin-listen=127.0.0.1:0", "--file-access=proxied", "--audit-events", "--metrics-clients")
	address := "http://" + log.await(t, apiStarted)

	require.Equal(t, http.StatusOK, j.ask(http.MethodGet, address+"/Patient/$dump?fhir=true").status)
	view := json.RawMessage(`{"resourceType": "ViewDefinition", "resource": "Patient", "status": "active", "name": "v", "select": [{"column": [{"name": "id", "path": "getResourceKey()"}]}]}`)
	run := send(t, http.DefaultTransport, http.MethodPost, address+"/fhir/$sql-run",
		parameters(t, map[string]any{"name": "subjectResource", "resource": view}), "Content-Type", "application/fhir+json")
	require.Equal(t, http.StatusOK, run.status, run)

	accepted := j.ask(http.MethodGet, address+"/fhir/$export?_type=Patient", "Prefer", "respond-async")
	require.Equal(t, http.StatusAccepted, accepted.status, accepted)
	manifest := j.poll(accepted.header.Get("Content-Location"))
	require.Equal(t, http.StatusOK, manifest.status, manifest)
	link := regexp.MustCompile(`"url":"([^"]+)"`).FindStringSubmatch(manifest.body)
	require.NotNil(t, link, manifest)
	require.Equal(t, http.StatusOK, j.ask(http.MethodGet, link[1]).status)
	return "http://" + log.await(t, adminListening)
}
