package shed

import (
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
)

// processMemory is what the process cannot do without, of GOMEMLIMIT or of the control group's limit,
// whichever is smaller: what the last collection found alive, the stacks, and the runtime's own. What
// lies about uncollected does not count: the runtime lets garbage grow up to GOMEMLIMIT and then
// collects it, so that a process near its limit may be in the best of health.
func processMemory() (used, limit uint64) {
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}, {Name: "/memory/classes/os-stacks:bytes"},
		{Name: "/memory/classes/metadata/mspan/inuse:bytes"}, {Name: "/memory/classes/metadata/mcache/inuse:bytes"},
		{Name: "/memory/classes/metadata/other:bytes"}, {Name: "/memory/classes/other:bytes"},
	}
	metrics.Read(samples)
	for _, s := range samples {
		used += s.Value.Uint64()
	}
	return used, MemoryLimit()
}

// MemoryLimit is the smaller of GOMEMLIMIT and the control group's limit, in bytes; 0 where there
// is neither. It is what the first caller found: SetMemoryLimit later does not change it.
var MemoryLimit = sync.OnceValue(func() uint64 {
	limit := uint64(0)
	if n := debug.SetMemoryLimit(-1); n != math.MaxInt64 {
		limit = uint64(n)
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		if err == nil && n < 1<<60 && (limit == 0 || n < limit) {
			limit = n
		}
	}
	return limit
})
