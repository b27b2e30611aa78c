package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// The dashboards that are shipped are those that are declared.
func TestDashboardsAreCurrent(t *testing.T) {
	want, err := render()
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := filepath.Glob("dashboards/*.json")
	if err != nil || len(shipped) != len(want) {
		t.Errorf("%d dashboards are shipped, %d are declared: run make generate (%v)", len(shipped), len(want), err)
	}
	for name, text := range want {
		if got, err := os.ReadFile(filepath.Join("dashboards", name)); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s is not current: run make generate (%v)", name, err)
		}
	}
}

// A panel says what it means; none lies over another, or beyond the edge.
func TestPanels(t *testing.T) {
	all, err := render()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range all {
		var b struct {
			UID    string
			Panels []struct {
				Type, Title, Description string
				GridPos                  struct{ H, W, X, Y int }
				Targets                  []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(text, &b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if b.UID+".json" != name || len(b.UID) > 40 { // Grafana's bound
			t.Errorf("%s: uid %q", name, b.UID)
		}
		taken := map[[2]int]string{}
		for _, p := range b.Panels {
			if p.Type != "row" && (p.Description == "" || len(p.Targets) == 0) {
				t.Errorf("%s: %q says nothing", name, p.Title)
			}
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
						t.Fatalf("%s: %q lies over %q, or beyond the edge", name, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
	}
}
