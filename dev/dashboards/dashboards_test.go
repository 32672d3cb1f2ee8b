package dashboards

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const committed = "../../deploy/grafana"

// The committed dashboards are those that this package generates.
func TestCommitted(t *testing.T) {
	t.Parallel()
	files, err := All()
	require.NoError(t, err)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(committed, name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s: run make dashboards", name)
	}
	found, err := filepath.Glob(filepath.Join(committed, "*.json"))
	require.NoError(t, err)
	require.Len(t, found, len(files), "each dashboard is generated")
}

type panelJSON struct {
	ID          int
	Type        string
	Title       string
	Description string
	Datasource  struct{ UID string }
	FieldConfig struct{ Defaults struct{ Unit string } }
	Targets     []struct {
		RefID        string
		Expr         string
		LegendFormat string
		Datasource   struct{ UID string }
	}
	Panels []panelJSON
}

type dashboardJSON struct {
	UID, Title, Description string
	Panels                  []panelJSON
	Templating              struct{ List []struct{ Name, Type string } }
}

// Each dashboard has a fixed uid and lets users choose the data source; each panel says
// what it shows, in which unit.
func TestPanels(t *testing.T) {
	t.Parallel()
	uids := map[string]bool{}
	for _, board := range boards(t) {
		require.NotEmpty(t, board.Description, board.Title)
		require.Regexp(t, "^sluice-[a-z-]{1,33}$", board.UID)
		require.False(t, uids[board.UID], "%s: a uid of its own", board.UID)
		uids[board.UID] = true
		require.Len(t, board.Templating.List, 1)
		require.Equal(t, "datasource", board.Templating.List[0].Type)

		titles, ids := map[string]bool{}, map[int]bool{}
		for _, panel := range board.panels() {
			where := board.UID + ": " + panel.Title
			require.Contains(t, []string{"stat", "timeseries"}, panel.Type, where)
			require.False(t, titles[panel.Title], "%s: twice", where)
			titles[panel.Title] = true
			require.False(t, ids[panel.ID], "%s: an id of its own", where)
			ids[panel.ID] = true
			require.NotEmpty(t, panel.Description, where)
			require.NotEmpty(t, panel.FieldConfig.Defaults.Unit, where)
			require.Equal(t, "${datasource}", panel.Datasource.UID, where)
			require.NotEmpty(t, panel.Targets, where)
			for _, target := range panel.Targets {
				require.Equal(t, "${datasource}", target.Datasource.UID, where)
				if panel.Type == "timeseries" {
					require.NotEmpty(t, target.LegendFormat, where)
				}
			}
		}
	}
}

// Prometheus parses each expression. promtool checks rules, so each becomes one.
func TestExpressions(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: it is in Debian's package prometheus")
	}
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboards\n    rules:\n")
	count := 0
	for _, board := range boards(t) {
		for _, panel := range board.panels() {
			for _, target := range panel.Targets {
				count++
				expr, err := json.Marshal(strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"))
				require.NoError(t, err)
				fmt.Fprintf(&rules, "      - {record: 'panel:%d', expr: %s}\n", count, expr)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	require.NoError(t, os.WriteFile(file, []byte(rules.String()), 0o600))
	output, err := exec.CommandContext(t.Context(), promtool, "check", "rules", file).CombinedOutput()
	require.NoError(t, err, string(output))
	require.Contains(t, string(output), fmt.Sprintf("%d rules found", count))
}

func boards(t *testing.T) (all []dashboardJSON) {
	t.Helper()
	files, err := All()
	require.NoError(t, err)
	for _, content := range files {
		var board dashboardJSON
		require.NoError(t, json.Unmarshal(content, &board))
		all = append(all, board)
	}
	require.Len(t, all, 4)
	return all
}

// panels returns the panels of all rows.
func (d dashboardJSON) panels() (panels []panelJSON) {
	for _, panel := range d.Panels {
		if panel.Type != "row" {
			panels = append(panels, panel)
		}
		panels = append(panels, panel.Panels...)
	}
	return panels
}
