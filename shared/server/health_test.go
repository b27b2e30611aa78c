package server

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestReadyMetricFollowsReadyz(t *testing.T) {
	var h health
	for _, step := range []struct {
		ready, draining bool
		want            float64
	}{{false, false, 0}, {true, false, 1}, {true, true, 0}} {
		h.ready.Store(step.ready)
		h.draining.Store(step.draining)
		if got := testutil.ToFloat64(h.metric()); got != step.want {
			t.Errorf("%+v: %v", step, got)
		}
	}
}
