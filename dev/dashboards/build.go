package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// The grid of a dashboard has 24 columns.
const (
	numberWidth, numberHeight = 4, 4
	graphWidth, graphHeight   = 12, 8
)

// perSecond is the unit of rates of what is counted.
const perSecond = units.CountsPerSecond

// datasource is the server that the user of a dashboard chooses.
var datasource = common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}

// query is an expression in PromQL, and the legend of its series.
type query struct{ expr, legend string }

// builder builds a dashboard of the classic schema.
type builder = dashboard.DashboardBuilder //nolint:staticcheck // its successor's schema requires Grafana 12

// newDashboard returns a dashboard without panels. All have the tag sluice, by which they
// link to each other.
func newDashboard(uid, title, description string) *builder {
	board := dashboard.NewDashboardBuilder(title) //nolint:staticcheck // as above
	return board.
		Uid(uid).
		Description(description).
		Tags([]string{"sluice"}).
		Timezone("browser").
		Time("now-6h", "now").
		Refresh("30s").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Link(dashboard.NewDashboardLinkBuilder("Sluice").
			Type(dashboard.DashboardLinkTypeDashboards).
			Tags([]string{"sluice"}).
			KeepTime(true).
			IncludeVars(true)).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus"))
}

func row(title string) *dashboard.RowBuilder { return dashboard.NewRowBuilder(title) }

// number returns a panel with the current value of an expression.
func number(title, description, unit, expr string) *stat.PanelBuilder {
	return stat.NewPanelBuilder().
		Title(title).
		Description(description).
		Datasource(datasource).
		Unit(unit).
		Span(numberWidth).Height(numberHeight).
		GraphMode(common.BigValueGraphModeArea).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		WithTarget(target(0, query{expr: expr}))
}

// alarming colors a number red from this value on.
func alarming(panel *stat.PanelBuilder, from float64) *stat.PanelBuilder {
	return panel.Thresholds(dashboard.NewThresholdsConfigBuilder().
		Mode(dashboard.ThresholdsModeAbsolute).
		Steps([]dashboard.Threshold{{Color: "green"}, {Color: "red", Value: &from}}))
}

// graph returns a panel with the values of expressions over time.
func graph(title, description, unit string, queries ...query) *timeseries.PanelBuilder {
	panel := timeseries.NewPanelBuilder().
		Title(title).
		Description(description).
		Datasource(datasource).
		Unit(unit).
		Min(0).
		Span(graphWidth).Height(graphHeight).
		LineWidth(1).
		FillOpacity(10).
		ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().
			ShowLegend(true).
			DisplayMode(common.LegendDisplayModeList).
			Placement(common.LegendPlacementBottom)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	for i, q := range queries {
		panel.WithTarget(target(i, q))
	}
	return panel
}

// quantiles returns the queries for the median and the 95th and 99th percentile of a
// histogram. selector selects series, as in {queue="part"}, or is empty.
func quantiles(histogram, selector string) (queries []query) {
	for _, quantile := range []struct{ value, legend string }{{"0.5", "median"}, {"0.95", "95%"}, {"0.99", "99%"}} {
		queries = append(queries, query{
			fmt.Sprintf("histogram_quantile(%s, sum by (le) (rate(%s_bucket%s[$__rate_interval])))", quantile.value, histogram, selector),
			quantile.legend,
		})
	}
	return queries
}

func target(i int, q query) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().
		Datasource(datasource).
		RefId(string(rune('A' + i))).
		Expr(q.expr).
		LegendFormat(q.legend).
		Range()
}
