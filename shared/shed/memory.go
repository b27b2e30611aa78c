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

// processMemory is what the Go runtime holds, of GOMEMLIMIT or of the control group's limit,
// whichever is smaller.
func processMemory() (used, limit uint64) {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64(), MemoryLimit()
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
