package server

import (
	"slices"
	"testing"
	"time"

	"puente/shared/config"
	"puente/shared/policy"
)

func TestSectionsThatNeedARestart(t *testing.T) {
	running := defaults()
	running.Database.URL = config.NewSecret("postgres://a")
	for name, c := range map[string]struct {
		change func(*settings)
		want   []string
	}{
		"nothing":        {func(*settings) {}, nil},
		"policies alone": {func(s *settings) { s.Policies.Modes = map[string]policy.Mode{"token": policy.Off} }, nil},
		"a secret":       {func(s *settings) { s.Database.URL = config.NewSecret("postgres://b") }, []string{"database"}},
		"several":        {func(s *settings) { s.Drain.Delay, s.Ops.Addr = time.Hour, ":1" }, []string{"ops", "drain"}},
	} {
		fresh := defaults()
		fresh.Database.URL = config.NewSecret("postgres://a")
		c.change(&fresh)
		if got := needsRestart(&running, &fresh); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
