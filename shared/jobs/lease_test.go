package jobs

import (
	"slices"
	"testing"
	"time"
)

func TestAProcessIsDeadWhenItsBeatStoodStillForALease(t *testing.T) {
	const self = "self"
	l := &lease{jobs: &Jobs{id: self, cfg: Config{Lease: 15 * time.Second}}, seen: map[string]sighting{}}
	start := time.Now()
	look := func(after time.Duration, all ...process) []string {
		dead := l.dead(start.Add(after), all)
		slices.Sort(dead)
		return dead
	}
	for _, step := range []struct {
		name string
		at   time.Duration
		all  []process
		want []string
	}{
		{"first sight", 0, []process{{"a", 7}, {"b", 1}, {self, 1}}, nil},
		{"b stands still", 5 * time.Second, []process{{"a", 8}, {"b", 1}, {self, 1}}, nil},
		{"not longer than a lease", 15 * time.Second, []process{{"a", 9}, {"b", 1}, {self, 1}}, nil},
		{"longer; never itself", 16 * time.Second, []process{{"a", 9}, {"b", 1}, {self, 1}}, []string{"b"}},
		{"b beats again", 17 * time.Second, []process{{"a", 9}, {"b", 2}, {self, 1}}, nil},
		{"a is gone", 18 * time.Second, []process{{"b", 2}, {self, 1}}, nil},
		{"a is back as it was", 60 * time.Second, []process{{"a", 9}, {"b", 3}, {self, 1}}, nil},
	} {
		if got := look(step.at, step.all...); !slices.Equal(got, step.want) {
			t.Errorf("%s: %q dead, want %q", step.name, got, step.want)
		}
	}
}
