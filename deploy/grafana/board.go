package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// board is one dashboard as it is declared.
type board struct {
	uid   string // puente-overview: in its URL, and the name of its file
	title string
	about string
	rows  []row
}

type row struct {
	title  string
	panels []panel
}

// panel shows queries, as lines or as one number.
type panel struct {
	title   string
	about   string // what it means, and what to do about it
	unit    string // of package units
	number  bool
	limit   float64 // from here on it is bad; 0: nothing to say
	below   bool    // it is bad below the limit, not above
	queries []query
}

// query is PromQL, and how its series are called.
type query struct{ expr, legend string }

// graph is a panel with lines.
func graph(title, unit, about string, queries ...query) panel {
	return panel{title: title, unit: unit, about: about, queries: queries}
}

// number is a panel with one number, that is bad from the limit on.
func number(title, unit, about string, limit float64, expr string) panel {
	return panel{title: title, unit: unit, about: about, number: true, limit: limit, queries: []query{{expr, ""}}}
}

// floor is a panel with one number, that is bad below the limit.
func floor(title, unit, about string, limit float64, expr string) panel {
	p := number(title, unit, about, limit, expr)
	p.below = true
	return p
}

// The grid of Grafana is 24 wide.
const (
	graphWidth, graphHeight   = 8, 8
	numberWidth, numberHeight = 4, 4
)

// source is the variable that says which Prometheus is asked.
var source = common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}

// render is the dashboard as Grafana reads it.
func (b board) render() ([]byte, error) {
	//lint:ignore SA1019 every Grafana reads this schema from files; the second is read by the newest only
	out := dashboard.NewDashboardBuilder(b.title).
		Uid(b.uid).
		Description(b.about).
		Tags([]string{"puente"}).
		Readonly().
		Refresh("30s").
		Time("now-3h", "now").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Prometheus").Type("prometheus")).
		Link(dashboard.NewDashboardLinkBuilder("Puente").Type(dashboard.DashboardLinkTypeDashboards).Tags([]string{"puente"}).AsDropdown(true).IncludeVars(true).KeepTime(true)).
		Annotation(dashboard.NewAnnotationQueryBuilder().Name("Pages").Datasource(source).Enable(true).IconColor("red").
			Expr(`ALERTS{alertstate="firing", severity="page"}`))
	id := uint32(0)
	for _, r := range b.rows {
		out.WithRow(dashboard.NewRowBuilder(r.title))
		for _, p := range r.panels {
			id++
			out.WithPanel(p.builder(id))
		}
	}
	built, err := out.Build()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.uid, err)
	}
	text, err := json.MarshalIndent(built, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.uid, err)
	}
	return append(text, '\n'), nil
}

func (p panel) builder(id uint32) cog.Builder[dashboard.Panel] {
	if p.number {
		n := stat.NewPanelBuilder().Id(id).Title(p.title).Description(p.about).Unit(p.unit).Datasource(source).
			Span(numberWidth).Height(numberHeight).Thresholds(p.thresholds()).
			ColorMode(common.BigValueColorModeValue).GraphMode(common.BigValueGraphModeArea)
		for _, q := range p.queries {
			n.WithTarget(q.builder())
		}
		return n
	}
	g := timeseries.NewPanelBuilder().Id(id).Title(p.title).Description(p.about).Unit(p.unit).Datasource(source).
		Span(graphWidth).Height(graphHeight).Min(0).LineWidth(1).FillOpacity(8).ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(true)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	if p.limit != 0 {
		g.Thresholds(p.thresholds()).ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))
	}
	for _, q := range p.queries {
		g.WithTarget(q.builder())
	}
	return g
}

// thresholds colour a value: green where it is good, red where it is not.
func (p panel) thresholds() *dashboard.ThresholdsConfigBuilder {
	low, high := "green", "red"
	if p.below {
		low, high = high, low
	}
	steps := []dashboard.Threshold{{Color: low}}
	if p.limit != 0 {
		steps = append(steps, dashboard.Threshold{Value: cog.ToPtr(p.limit), Color: high})
	}
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(steps)
}

// Latencies show the traces behind them, as exemplars.
func (q query) builder() cog.Builder[variants.Dataquery] {
	return prometheus.NewDataqueryBuilder().Datasource(source).Expr(q.expr).LegendFormat(q.legend).Range().
		Exemplar(strings.Contains(q.expr, "_bucket"))
}
