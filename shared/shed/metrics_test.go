package shed_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/shared/shed"
)

// How near a refusal is can be seen before it comes.
func TestMetricsShowTheBounds(t *testing.T) {
	reg := prometheus.NewRegistry()
	shed.New(shed.Config{InFlight: map[string]int{"api": 7}, Watermark: 0.8}, func() (uint64, uint64) { return 60, 100 }, reg)
	want := `
# HELP shed_memory_watermark_ratio Memory in use as a share of the watermark above which nothing is begun; 0 without a limit.
# TYPE shed_memory_watermark_ratio gauge
shed_memory_watermark_ratio 0.75
# HELP shed_places Requests that may be in flight at once, by class.
# TYPE shed_places gauge
shed_places{class="api"} 7
shed_places{class="webhook"} 1024
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "shed_memory_watermark_ratio", "shed_places"); err != nil {
		t.Error(err)
	}
}
