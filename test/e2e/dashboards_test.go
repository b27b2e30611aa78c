package e2e

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// panelQuery is what a panel of a dashboard that is shipped asks.
type panelQuery struct{ board, panel, expr string }

// panelQueries are those of all dashboards.
func panelQueries(t testing.TB) []panelQuery {
	t.Helper()
	files, err := filepath.Glob("../../deploy/grafana/dashboards/*.json")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d dashboards: %v", len(files), err)
	}
	var all []panelQuery
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var board struct {
			UID    string
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(text, &board); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, p := range board.Panels {
			for _, target := range p.Targets {
				all = append(all, panelQuery{board.UID, p.Title, target.Expr})
			}
		}
	}
	return all
}

// again are scenarios that together call every API and every system. The first time they did there was nothing to
// compare with: a counter that appears has not risen.
var again = []func(*testing.T, *platform){
	tokens, televisionCodes, normalizations, televisionAsTMForum, tmForum, hubSalir, hubMessages, landingByHeader,
}

// dashboards holds every panel against a Prometheus that has scraped the three processes of a shape since it began:
// what it asks is understood, and after all that the shape was asked there is something to show.
func dashboards(t *testing.T, p *platform) {
	if p.prometheus == nil {
		return
	}
	left := panelQueries(t)
	t.Logf("%d queries of panels", len(left))
	shown := func(q panelQuery) bool { return p.prometheus.shows(t, q) }
	for round := 0; round < 3 && len(left) > 0; round++ {
		for _, play := range again {
			play(t, p)
		}
		left = slices.DeleteFunc(left, shown)
	}
	// What is recorded of recordings comes some evaluations later.
	for late := time.Now().Add(within); len(left) > 0 && time.Now().Before(late); left = slices.DeleteFunc(left, shown) {
		<-time.After(500 * time.Millisecond)
	}
	for _, q := range left {
		t.Errorf("%s: %q shows nothing: %s", q.board, q.panel, q.expr)
	}
}

// shows reports whether there is a number in any moment since Prometheus began.
func (p *prometheusServer) shows(t *testing.T, q panelQuery) bool {
	t.Helper()
	var data struct {
		Result []struct{ Values [][2]any }
	}
	p.get(t, "/api/v1/query_range", url.Values{
		"query": {strings.ReplaceAll(q.expr, "$__rate_interval", "30s")},
		"start": {strconv.FormatInt(p.began.Unix(), 10)}, "end": {strconv.FormatInt(time.Now().Unix(), 10)}, "step": {"5"},
	}, &data)
	for _, series := range data.Result {
		for _, sample := range series.Values {
			if sample[1] != "NaN" {
				return true
			}
		}
	}
	return false
}
