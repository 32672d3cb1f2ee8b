// Package prometheus tests the configuration of Prometheus in this directory: the rules,
// their tests and their runbooks.
package prometheus

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const (
	runbooks    = "../../docs/runbooks"
	runbooksURL = "https://github.com/seed-90096f4d/sluice/blob/main/docs/runbooks/"
)

type rule struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

type ruleTest struct {
	Name           string
	AlertRuleTests []struct {
		AlertName string      `yaml:"alertname"`
		Expected  []yaml.Node `yaml:"exp_alerts"`
	} `yaml:"alert_rule_test"`
}

// Prometheus accepts the configuration and the rules, and its tests of the rules pass.
func TestPromtool(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: it is in Debian's package prometheus")
	}
	for _, args := range [][]string{
		{"check", "config", "prometheus.yml"},
		{"check", "rules", "sluice.rules.yml"},
		{"test", "rules", "sluice.rules_test.yml"},
	} {
		output, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
		require.NoError(t, err, string(output))
	}
}

// Each alert says how severe it is and what has happened, and has a runbook.
func TestAlertsAreComplete(t *testing.T) {
	t.Parallel()
	pages := map[string]bool{"README.md": true}
	index := readText(t, filepath.Join(runbooks, "README.md"))
	for _, alert := range alerts(t) {
		page := alert.Alert + ".md"
		pages[page] = true
		require.Regexp(t, `^Sluice[A-Z]\w+$`, alert.Alert)
		require.Contains(t, []string{"critical", "warning"}, alert.Labels["severity"], alert.Alert)
		require.NotEmpty(t, alert.Annotations["summary"], alert.Alert)
		require.Equal(t, runbooksURL+page, alert.Annotations["runbook_url"])
		require.Contains(t, index, "]("+page+")", "the index of the runbooks")

		text := readText(t, filepath.Join(runbooks, page))
		require.True(t, strings.HasPrefix(text, "# "+alert.Alert+"\n"), page)
		require.LessOrEqual(t, strings.Count(text, "\n"), 40, "%s: the maximum number of lines", page)
		for _, section := range []string{"\n## Meaning\n", "\n## Look at\n", "\n## Do\n", "\n## Harmless if\n"} {
			require.Contains(t, text, section, page)
		}
	}
	files, err := filepath.Glob(filepath.Join(runbooks, "*"))
	require.NoError(t, err)
	for _, file := range files {
		require.Contains(t, pages, path.Base(filepath.ToSlash(file)), "each runbook has an alert")
	}
}

// Each alert has a test in which it fires, one for each severity, and one in which it stays
// quiet.
func TestAlertsAreTested(t *testing.T) {
	t.Parallel()
	var file struct{ Tests []ruleTest }
	readYAML(t, "sluice.rules_test.yml", &file)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		name, _, _ := strings.Cut(test.Name, " ")
		isQuiet := true
		for _, evaluation := range test.AlertRuleTests {
			require.Equal(t, name, evaluation.AlertName, test.Name)
			for _, node := range evaluation.Expected {
				isQuiet = false
				var expected struct {
					Labels map[string]string `yaml:"exp_labels"`
				}
				require.NoError(t, node.Decode(&expected))
				fires[name+" "+expected.Labels["severity"]] = true
			}
		}
		require.Equal(t, strings.Contains(test.Name, "stays quiet"), isQuiet, test.Name)
		quiet[name] = quiet[name] || isQuiet
	}
	for _, alert := range alerts(t) {
		require.Contains(t, fires, alert.Alert+" "+alert.Labels["severity"], "a test in which the alert fires")
		require.True(t, quiet[alert.Alert], "%s: a test in which the alert stays quiet", alert.Alert)
	}
}

func alerts(t *testing.T) (all []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	readYAML(t, "sluice.rules.yml", &file)
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal([]byte(readText(t, name)), into))
}

func readText(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(content)
}
